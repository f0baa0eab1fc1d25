# Work as commits: the cage's state, or (CAGE_TO=commits) the agent's own commits, on a branch of the host clone; with
# CAGE_ALL_REFS=1 its other branches, tags, notes and stashes, too, below a folder of that name. The clone's work tree
# and HEAD stay as they are.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# For the other files:
#   KINDS           kinds of refs that come home: refs/heads, refs/tags, refs/notes

# fast-import scans the whole folder for each new name: a folder of a million names, a small tree object, takes hours.
IMPORT_SECONDS := 600
# Objects to compare: among the agent's own commits an empty one counts, so commits; else trees.
AGENTS_OWN = $(filter commits,$(value CAGE_TO))
LANDS = $(if $(AGENTS_OWN),commit,tree)
ALL_REFS = $(value CAGE_ALL_REFS)
# Refs of the incoming git folder, and their names in the clone.
KINDS := heads tags notes
LANDING = $(if $(ALL_REFS),$(foreach kind,$(KINDS),"refs/$(kind)/*:refs/$(kind)/$$(cat $(S)/commits/branch)/*"), \
	"refs/heads/work:refs/heads/$$(cat $(S)/commits/branch)")
INCOMING = $(GIT) --git-dir=$(S)/commits/incoming.git

#: Fetch the new commits onto the branch, and tell how to review it
branched: branch-free incoming
	$(Q)cmp -s $(S)/commits/old $(S)/commits/new || $(FROM_HERE) $(IN_CLONE) $(CHECKED) fetch \
		--quiet \
		--no-tags \
		--no-write-fetch-head \
		-- "$$PWD/$(S)/commits/incoming.git" $(LANDING) \
		2>$(S)/commits/fetch.err || $(failed)/branch
	$(Q)bash lib/export/close-branch

#: Stop if a branch of the clone is in the way
branch-free: branch-named
	$(Q)bash lib/export/in-the-way

#: Commits in a git folder beside the clone, from parsed values; the fetch checks them before the clone has them
incoming: incoming-begun
	$(Q)$(READING) $(if $(AGENTS_OWN),commits export,judge branch) \
		| bash lib/run/cpu-limit $(IMPORT_SECONDS) $(INCOMING) fast-import --done --quiet \
		>$(S)/commits/import.log 2>&1 || rm -f $(S)/export/asked
	$(RESUME)
	$(Q)[ -e $(S)/export/asked ] || $(failed)/commits
	$(Q)$(INCOMING) $(if $(ALL_REFS),for-each-ref $(addprefix refs/,$(KINDS)), \
		rev-parse --quiet --verify 'refs/heads/work^{$(LANDS)}') >$(S)/commits/new 2>/dev/null || true
	$(Q)[ -s $(S)/commits/new ] || cp $(S)/commits/old $(S)/commits/new

#: A git folder that borrows the clone's objects
incoming-begun: branch-begun
	$(Q)rm -rf $(S)/commits/incoming.git
	$(Q)$(INIT) $(S)/commits/incoming.git
	$(Q)echo ../../../../repo/.git/objects >$(S)/commits/incoming.git/objects/info/alternates

# $(OBJECT) NAME: the hash of an object of the clone; a failure if there is none.
OBJECT = $(IN_CLONE) rev-parse --quiet --verify
#: Find the branch's tip and parent, and the committer's name for new commits
branch-begun: branch-named
	$(Q)$(OBJECT) "refs/heads/$$(cat $(S)/commits/branch)" >$(S)/commits/tip || cp .history/seeded $(S)/commits/tip
	$(Q)$(OBJECT) "$$(cat $(S)/commits/tip)^{commit}" >$(S)/commits/parent 2>/dev/null || true
	$(Q)$(OBJECT) "$$(cat $(S)/commits/parent)^{$(LANDS)}" >$(S)/commits/old 2>/dev/null || true
	$(Q)$(OBJECT) "$$(cat .history/seeded)^{tree}" >$(S)/commits/seeded-tree
	$(Q)$(IN_CLONE) var GIT_COMMITTER_IDENT >$(S)/commits/ident 2>/dev/null \
		|| echo "trusty-cage <trusty-cage@localhost> $$(date +%s) +0000" >$(S)/commits/ident

LISTED = $(IN_CLONE) ls-tree --full-tree -r
SEEDED = "$$(cat .history/seeded)"
#: Check the branch's name, and ask for the changes since the seeding, beside the files of HEAD
branch-named: storage refs-of-clone
	$(Q)$(LISTED) -z HEAD >$(S)/export/question/head 2>/dev/null || : >$(S)/export/question/head
	$(Q)$(LISTED) -z $(SEEDED) >$(S)/export/question/seeded
	$(Q)cp .history/base.seeded $(S)/export/question/base
	$(Q)printf '%s\n' "$${CAGE_AS:-cage/$$CAGE_NAME$${CAGE_REF:+-$$CAGE_REF}}" >$(S)/commits/branch
	$(Q)$(GIT) check-ref-format --branch "$$(cat $(S)/commits/branch)" >/dev/null \
		|| $(die) 2 'that is no name for a branch' 'Give another: @export@ @--as NAME@'

#: The refs of the clone: work that it holds is not counted, and a branch may be in the way of another
refs-of-clone: question-begun
	$(Q)$(IN_CLONE) for-each-ref --format='%(objectname) %(refname)' >$(S)/commits/refs
	$(Q)cut -d ' ' -f 1 <$(S)/commits/refs >$(S)/export/question/held

# A branch holds the bytes that git here would store: the guard converts line ends, encodings and $Id$ by these.
#: Attributes of the seeded commit, of the clone and of its owner, and the owner's core.autocrlf
storage: question
	$(Q)$(LISTED) $(SEEDED) | bash lib/export/attributes | $(IN_CLONE) cat-file --batch \
		>$(S)/export/question/attributes
	$(Q)$(IN_CLONE) config --get core.autocrlf >$(S)/export/question/autocrlf || true
	$(Q)$(IN_CLONE) config --type=path --get core.attributesFile >$(S)/commits/attributes || true
	$(Q)bash lib/export/own-attributes
	$(Q)$(if $(only_shown),,bash lib/export/unconverted ||) $(MAKE) line-ends

#: Files with CRLF in the seeded commit, and files with LF: 'text=auto' spares those that git has with CRLF
line-ends: $(S)/commits/crlf $(S)/commits/lf
	$(Q)cp $(S)/commits/crlf $(S)/commits/lf $(S)/export/question

# The seeded commit stays the same, so git reads all its files once.
WITH_CR := -e $$'\r$$'
#: The paths of the seeded commit's files in which some line ends in CRLF, or (lf) some line does not
$(S)/commits/crlf $(S)/commits/lf: | $(FOLDERS)
	$(Q)$(IN_CLONE) grep \
		--basic-regexp \
		--files-with-matches \
		$(if $(filter %/lf,$@),--invert-match) \
		--null \
		--text $(WITH_CR) $(SEEDED) -- >$@.new 2>/dev/null || true
	$(Q)mv $@.new $@

.PHONY: branch-begun branch-free branch-named branched incoming incoming-begun line-ends \
	refs-of-clone storage
