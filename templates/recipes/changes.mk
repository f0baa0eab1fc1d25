# The uncommitted work of a local repository: it is counted, and with CAGE_WITH_CHANGES=1 it comes along.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# Before anything is made, 'chosen' has git write two trees in a folder of ours beside the repository: one of its index,
# one of its work tree. The clone gets both on top of the commit that was cloned, and the cage gets the clone's bytes.
#
# For the other files:
#   WITH_CHANGES  the step that lays them into the clone; empty without them, and once the cage is seeded
#   HAS_CHANGES   not empty if changes come along
#   if_changes    only if there are any

# ---- A git folder of ours

# The repository's settings may name programs, and a filter of the user's own would run with its files: git runs in a
# folder of ours, which borrows the repository's objects and has a copy of its index.
ALONE = env $(NO_SETTINGS) GIT_LITERAL_PATHSPECS=1
BESIDE = $(GIT) --git-dir=$(S)/clone/uncommitted.git --work-tree=$(LOCAL) -c core.safecrlf=false \
	-c core.attributesFile="$$PWD/$(S)/clone/uncommitted.git/attributes"

#: A git folder with the settings, ignore rules, attributes and index of the local repository
index-copied: | index-found
	$(Q)rm -rf $(S)/clone/uncommitted.git && echo sha1 >$(S)/clone/format
	$(Q)$(if_work_tree) $(IN_LOCAL) rev-parse --show-object-format >$(S)/clone/format 2>/dev/null || true
	$(Q)$(if_work_tree) $(GIT) init \
		--bare \
		--object-format="$$(cat $(S)/clone/format)" \
		--quiet \
		--template= \
		$(S)/clone/uncommitted.git
	$(Q)$(if_work_tree) bash lib/changes/copy-index $(LOCAL)

#: The settings of the local repository, and where its parts are
index-found: | $(FOLDERS) sound
	$(Q)$(if_work_tree) $(IN_LOCAL) config \
		--list \
		--null >$(S)/clone/settings 2>/dev/null || true
	$(Q)$(if_work_tree) $(IN_LOCAL) rev-parse \
		--git-path objects \
		--git-path index \
		--git-path info/attributes \
		--git-path info/exclude \
		HEAD >$(S)/clone/paths 2>/dev/null || true

#: Say how many uncommitted files are not taken
uncommitted: | repo index-copied
	$(Q)$(if_work_tree) bash lib/create/local $(LOCAL) tree && $(if_work_tree) $(ALONE) $(within) 20 $(BESIDE) status \
		--ignore-submodules=all \
		--porcelain >$(S)/clone/uncommitted 2>/dev/null || echo '?' >$(S)/clone/uncommitted
	$(Q)bash lib/changes/uncommitted <$(S)/clone/uncommitted

# ---- Which changes

create: $(if $(value CAGE_WITH_CHANGES),changes-chosen)
HAS_CHANGES := $(value CAGE_WITH_CHANGES)$(wildcard .history/changes)
WITH_CHANGES := $(if $(wildcard .history/base),,$(if $(HAS_CHANGES),changed-clone))
if_changes := bash lib/create/where changes

# A question needs the terminal, which steps that run side by side don't have; and a repository that is in the middle of
# a merge is told before it is cloned. Once there is a clone, a second run keeps to the first one's choice.
#: With CAGE_WITH_CHANGES=1: choose the uncommitted changes to take, before anything is made
changes-chosen: | $(FOLDERS)
	$(Q)bash lib/changes/fresh-clone
	$(Q)$(if $(only_shown),,bash lib/changes/choice-made ||) $(lock) $(MAKE) chosen

#: The trees of index and work tree, without those changes that stay out
chosen: index-judged
	$(Q)bash lib/changes/ask-new
	$(Q)[ ! -s $(S)/clone/back ] || $(ALONE) $(BESIDE) reset \
		--pathspec-file-nul \
		--pathspec-from-file=- \
		--quiet <$(S)/clone/back
	$(Q)$(ALONE) $(BESIDE) write-tree >>$(S)/clone/trees
	$(Q)$(ALONE) $(within) 300 $(BESIDE) update-index \
		--add \
		--remove \
		--replace \
		-z \
		--stdin <$(S)/clone/add 2>$(S)/clone/changes.err || $(failed)/changes
	$(Q)$(ALONE) $(BESIDE) write-tree >>$(S)/clone/trees && mv $(S)/clone/trees $(S)/clone/chosen

#: Sort the changes: those to take, those that stay out, which are named, and new files, which are asked for
index-judged: index-listed
	$(Q)cat $(S)/clone/staged $(S)/clone/changed $(S)/clone/new | $(ALONE) $(BESIDE) check-attr \
		-z \
		--stdin filter >$(S)/clone/filters
	$(Q)bash lib/changes/choose $(LOCAL)

# The first lines of trees are the commit that the changes are on top of and its tree; an empty tree if there is none.
#: Lists of what is staged, changed and new; stop in the middle of a merge
index-listed: index-settled
	$(Q)$(ALONE) $(BESIDE) diff-index \
		--cached \
		--name-only \
		--no-renames \
		-z "$$(sed -n 2p $(S)/clone/trees)" >$(S)/clone/staged
	$(Q)$(ALONE) $(within) 300 $(BESIDE) update-index \
		--refresh \
		-q >/dev/null 2>&1 || [ $$? != 124 ] || $(failed)/changes
	$(Q)$(ALONE) $(within) 300 $(BESIDE) diff-files \
		--ignore-submodules=all \
		--name-only \
		-z >$(S)/clone/changed || $(failed)/changes
	$(Q)$(ALONE) $(within) 300 $(BESIDE) ls-files \
		--exclude-standard \
		--others \
		-z >$(S)/clone/new || $(failed)/changes

#: Stop if the repository has no work tree, is in the middle of a merge, or has another branch checked out
index-settled: work-tree-sound index-copied
	$(Q)$(ALONE) $(BESIDE) rev-parse 'HEAD^{commit}' 'HEAD^{tree}' >$(S)/clone/trees 2>/dev/null \
		|| $(BESIDE) hash-object -t tree /dev/null /dev/null >$(S)/clone/trees
	$(Q)$(ALONE) $(BESIDE) ls-files --unmerged -z >$(S)/clone/unmerged
	$(Q)$(IN_LOCAL) rev-parse --quiet --verify "refs/heads/$$CAGE_BRANCH^{commit}" >$(S)/clone/branch-tip || true
	$(Q)bash lib/changes/settled

#: Stop if there is no work tree here, or something in it that git would wait for
work-tree-sound: | sound
	$(Q)bash lib/changes/has-work-tree
	$(Q)bash lib/create/local $(LOCAL) tree || $(die) 1 'git would wait for a file in the work tree' \
		'Look for a FIFO, a device or a link among .gitignore, .gitattributes and .gitmodules.'

# ---- In the clone and in the cage

# .history/changes: the commit that the changes are on top of, its tree, and the trees of index and work tree. It is
# empty if there are none.
CHANGES_ON = "$$(sed -n 2p .history/changes)"
CHANGED_INDEX = "$$(sed -n 3p .history/changes)"
CHANGED_TREE = "$$(sed -n 4p .history/changes)"

#: The two trees, with their objects, which are checked, in the clone
.history/changes: | repo .history/seeded
	$(Q)bash lib/changes/same-commit
	$(Q)bash lib/changes/to-pack | $(ALONE) $(BESIDE) pack-objects \
		--quiet \
		--revs \
		--stdout >$(S)/clone/changes.pack 2>$(S)/clone/changes.err || $(failed)/changes
	$(Q)$(IN_CLONE) index-pack --stdin --strict <$(S)/clone/changes.pack >/dev/null 2>$(S)/clone/changes.err \
		|| $(failed)/changes
	$(Q)bash lib/changes/unless-clean >$@.new && mv $@.new $@

LAID = $(IN_CLONE) read-tree --reset -u
LISTED_CHANGES = $(IN_CLONE) diff-tree --name-only --no-renames -r -z
LISTS := $(S)/clone/changes
# $(call bytes,index): those files of the clone that the cage gets.
bytes = tar -C repo -cf $(LISTS)/$(1).tar --no-recursion --null -T $(LISTS)/$(1).there

#: The clone with the changes: first the index's state, then the work tree's, then the index is that of the repository
changed-clone: changes-listed
	$(Q)$(if_changes) $(LAID) $(CHANGED_INDEX) 2>$(S)/clone/checkout.err || $(failed)/checkout
	$(Q)$(if_changes) $(call bytes,index)
	$(Q)$(if_changes) $(LAID) $(CHANGED_TREE) 2>$(S)/clone/checkout.err || $(failed)/checkout
	$(Q)$(if_changes) $(call bytes,work)
	$(Q)$(if_changes) $(IN_CLONE) read-tree $(CHANGED_INDEX) && $(IN_CLONE) update-index --refresh -q >/dev/null || true

#: The files that go and those that come with each of the two steps
changes-listed: | repo/.git/index .history/changes
	$(Q)rm -rf $(LISTS) && mkdir $(LISTS)
	$(Q)$(if_changes) $(LISTED_CHANGES) --diff-filter=DMT $(CHANGES_ON) $(CHANGED_INDEX) >$(LISTS)/index.gone
	$(Q)$(if_changes) $(LISTED_CHANGES) --diff-filter=AMT $(CHANGES_ON) $(CHANGED_INDEX) >$(LISTS)/index.there
	$(Q)$(if_changes) $(LISTED_CHANGES) --diff-filter=DMT $(CHANGED_INDEX) $(CHANGED_TREE) >$(LISTS)/work.gone
	$(Q)$(if_changes) $(LISTED_CHANGES) --diff-filter=AMT $(CHANGED_INDEX) $(CHANGED_TREE) >$(LISTS)/work.there

#: The freshly seeded cage with the changes; its base manifest, anew
changed-inside:
	$(Q)bash lib/changes/told
	$(Q)bash lib/changes/as-tar | $(HELPER) \
		--mount "$(FROM_VOLUME),dst=/project" \
		--user 1000:1000 \
		-- "$$(cat $(S)/image/used-guard-image)" change 2>$(S)/engine/helper.err \
		| bash lib/run/unpack $(S)/clone/answer || $(failed)/helper create
	$(Q)mv $(S)/clone/answer/base $(S)/clone/base

.PHONY: changed-clone changed-inside changes-chosen changes-listed chosen index-copied index-found index-judged \
	index-listed index-settled uncommitted work-tree-sound
