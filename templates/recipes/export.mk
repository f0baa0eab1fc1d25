# Export, sync and their undo: the guard judges every file that leaves, and only the plan that was shown is written.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# question takes the host clone's inventory, stage has a helper judge the cage's changes against it and takes them into
# .state/export/stage, plan shows them, apply writes exactly those. The rules of what may leave stand in guard/rules.py.

#: Stop if the options contradict each other
exportable:
	$(Q)$(if $(filter-out branch commits,$(value CAGE_TO)),$(die) 2 "CAGE_TO is neither 'branch' nor 'commits'")
	$(Q)[ -z "$$CAGE_REF$$CAGE_ALL_REFS" ] || [ "$$CAGE_TO" = commits ] || $(die) 2 \
		'branches and tags of the cage come as commits' 'Say so: @export@ @--commits@'
	$(Q)[ -z "$$CAGE_TO$$CAGE_UNDO" ] || [ -z "$$CAGE_DRY_RUN$$CAGE_JSON" ] || $(die) 2 \
		'only an export into the work tree can be shown without being done' \
		'A branch leaves the work tree alone: look at it there.'
	$(Q)[ -z "$$CAGE_AS" ] || [ -n "$$CAGE_TO" ] || $(die) 2 \
		'the name of a branch is for work that becomes one' 'Say what goes onto it: @export@ @--branch@'

#: Stop if an undo is to take back a part of a sync
syncable:
	$(Q)[ -z "$$CAGE_UNDO" ] || [ -z "$$CAGE_PATHS" ] || $(die) 2 \
		'an undo takes back a whole sync' 'Without paths: @sync@ @--undo@'

#: Stop if the base manifest or the host clone is missing
ready: seen
	$(Q)bash lib/export/ready

# An edit of guard/rules.py is in force at once: the running guard's image is taken only while it is the recipe's.
#: Helpers run the guard's image, which is built if its recipe changed
helper-image: seen tag-guard-image
	$(Q)$(if $(only_shown),,bash lib/export/guard-serves ||) \
		CAGE_MISSING=ok $(MAKE) images IMAGES=guard-image

# -t marks paths that a sparse check-out hides: they count as unchanged.
#: The question for the helper: the base, and the inventory of the host clone
question: ready readable helper-image helper-gone question-begun hooks-and-includes owners-ignore
	$(Q)$(IN_CLONE) ls-files -t --stage -z >$(S)/export/question/index 2>$(S)/export/files.err \
		|| [ "$$CAGE_WAY" != sync ] || $(failed)/files
	$(Q)[ "$$CAGE_WAY" != sync ] || $(within) 120 $(IN_CLONE) ls-files \
		--exclude-standard \
		--ignored \
		--others \
		-z >$(S)/export/question/private 2>$(S)/export/files.err || $(failed)/files

#: An empty question, with the base
question-begun: ready
	$(Q)rm -rf $(S)/export/question $(S)/export/stage
	$(Q)mkdir $(S)/export/question $(S)/export/stage
	$(Q)cp .history/base $(S)/export/question/base
	$(Q)[ "$$CAGE_WAY" != undo ] || bash lib/export/last-sync

#: Files in the clone that its git settings name, as hooks or as settings to include
hooks-and-includes: question-begun
	$(Q)git -C repo \
		--git-dir=.git config \
		--null \
		--show-origin \
		--type=path \
		--get core.hooksPath \
		| bash lib/export/included hooks >$(S)/export/question/hooks
	$(Q)git -C repo \
		--git-dir=.git config \
		--null \
		--show-origin \
		--type=path \
		--get-regexp '^include(if\..*)?\.path$$' \
		| bash lib/export/included >$(S)/export/question/included

#: The ignore file of the clone's owner, by git's settings; nothing where they name none
owners-ignore: question-begun
	$(Q)$(IN_CLONE) config \
		--null \
		--type=path \
		--get core.excludesFile >$(S)/export/owners-ignore 2>/dev/null || true

# .state/export/asked is the mark of success: a helper or a stream that fails leaves none.
#: Have a helper judge the changes; its answer is lists, and a tree of the changed files
stage: question
	$(call say,STAGE,$$CAGE_NAME)
	$(Q)$(READING) judge "$${CAGE_WAY:-export}" | bash lib/run/unpack $(S)/export/stage \
		|| rm -f $(S)/export/asked
	$(RESUME)
	$(Q)[ -e $(S)/export/asked ] || $(failed)/read

#: Show the plan; stop if a person must decide
plan: stage $(if $(filter 1,$(value CAGE_DIFF)),difference)
	$(Q)bash lib/export/plan "$${CAGE_WAY:-export}"

# git reads .gitattributes in the folders that it compares, and those are the agent's: info/attributes in a git folder
# of ours overrules them. All other settings of git are off.
COMPARING = HOME=/nonexistent XDG_CONFIG_HOME=/nonexistent $(NO_SETTINGS) GIT_ATTR_NOSYSTEM=1 \
	$(GIT) -c core.attributesFile=/dev/null -c core.quotePath=false

#: The change as a patch, or for a terminal as text
difference: both-sides
	$(Q)$(COMPARING) -C $(S)/export/diff \
		--git-dir=git/.git diff \
		$$(cat $(S)/export/diff/how) \
		--no-color \
		--no-ext-diff \
		--no-index \
		--no-prefix \
		--no-renames \
		--no-textconv \
		-- a b >$(S)/export/diff/patch || [ $$? = 1 ]

#: The files of both sides that change, in folders of their own
both-sides: stage
	$(Q)rm -rf $(S)/export/diff
	$(Q)mkdir -p $(S)/export/diff/a $(S)/export/diff/b
	$(Q)$(COMPARING) init --quiet --template= $(S)/export/diff/git
	$(Q)bash lib/export/both-sides

#: Write what was shown into the host clone, if anything changed
apply: plan
	$(Q): >$(S)/export/backup
	$(Q)$(if $(only_shown),,bash lib/export/nothing-to-write ||) $(MAKE) written
	$(Q)bash lib/export/close

#: Ask, then check that host clone and stage are as they were when the plan was made
agreed:
	$(Q)bash lib/export/nothing-staged || $(ask) 'Write this into the host clone?'
	$(Q)bash lib/export/recheck

# Copies lie beside the clone and are moved into it: each file is the old one or the new one, never half-written.
#: The host's own versions go into a backup first; files that only the host has stay
kept-aside: agreed
	$(Q)bash lib/export/keep
	$(Q)bash lib/export/copy-kept
	$(Q)bash lib/export/put $(S)/export/keeping "$$(cat $(S)/export/backup)"

#: Remove what the plan removes, then move the staged tree into the clone
written: kept-aside
	$(Q)$(removing) || $(failed)/export
	$(Q)bash lib/export/put $(S)/export/stage/tree repo || $(failed)/export

# Removes the files of .state/export/delete, then the folders of .state/export/rmdir that are empty by then; an undo
# writes these two lists as well.
removing := bash lib/export/remove

#: Undo the last export, even an interrupted one
undone: | $(FOLDERS)
	$(Q)bash lib/export/undo-last
	$(Q)$(ask) \
		"Put the host clone back to its state before $$(cat $(S)/undo/backup)? Changes made there since are kept."
	$(Q)$(MAKE) put-back
	$(Q)bash lib/export/close-undo

#: Move the clone's present files aside into the backup, and the backup's files into the clone
put-back:
	$(Q)bash lib/export/undo
	$(Q)bash lib/export/keep-undone
	$(Q)$(removing) || $(failed)/undo
	$(Q)bash lib/export/put $(S)/undo/back repo || $(failed)/undo

#: Take the host's changes since the base into the cage, compared as for an export; or (CAGE_UNDO) what the last sync
#: replaced there back into it
synced: plan
	$(Q)bash lib/export/nothing-staged || $(ask) 'Write this into the cage?'
	$(Q)$(if $(only_shown),,[ ! -s $(S)/export/stage/expect ] ||) $(MAKE) kept-inside
	$(Q)bash lib/export/keep-inside
	$(Q)$(MAKE) received
	$(Q)bash lib/export/close-sync

#: The cage's own files that go, as one tar
kept-inside:
	$(Q)bash lib/export/handed-over lists $(PAUSE) | $(READER) judge keep >$(S)/export/inside.tar \
		|| rm -f $(S)/export/asked
	$(RESUME)
	$(Q)[ -e $(S)/export/asked ] || $(failed)/read

#: A helper writes the files into the cage, once all of them are there
received:
	$(Q)bash lib/export/handed-over files $(PAUSE) | $(HELPER) \
		--mount "$(FROM_VOLUME),dst=/project" \
		--user 1000:1000 \
		-- "$$(cat $(S)/image/used-guard-image)" receive 2>$(S)/engine/helper.err \
		| bash lib/run/unpack $(S)/export/received || rm -f $(S)/export/asked
	$(RESUME)
	$(Q)[ -e $(S)/export/asked ] || $(failed)/helper sync

.PHONY: agreed apply both-sides difference exportable helper-image hooks-and-includes kept-aside kept-inside \
	owners-ignore plan put-back question question-begun ready received stage syncable synced undone written
