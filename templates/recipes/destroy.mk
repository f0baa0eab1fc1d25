# The end: un-exported work is counted and bundled, then all is removed.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

# Un-exported work, for status and before anything is destroyed.
counted: seen
	$(Q)rm -f $(S)/count
	$(Q)found=$$("$$CAGE_ENGINE" volume ls --quiet --filter "label=$$CAGE_LABEL_ENV" --filter "label=$$CAGE_LABEL_HOME") \
		&& printf '%s\n' "$$found" >$(S)/volumes
	$(Q)! grep -qx "$$CAGE_VOLUME" $(S)/volumes || [ ! -e .history/base ] \
		|| { [ "$$CAGE_ONLY_LOOKS" = 1 ] && ! { $(CAN_BE_READ); }; } || $(MAKE) count

count: question
	$(Q){ $(COMMIT) $(READING) judge count; } >$(S)/count || rm -f $(S)/count

destroyed: counted
	$(Q)bash lib/destroy/would-lose
	$(Q)$(ask) "Destroy cage '$$CAGE_NAME' with its containers and volumes? The host clone is kept."
	$(Q)$(CAN_BE_READ) || $(STOP)
	$(Q)$(PAUSE) || $(die) 1 'the cage could not be paused, so nothing was destroyed' 'Try again: @destroy@'
	$(Q)$(if $(only_shown),,[ ! -s $(S)/count ] || { [ "$$CAGE_YES" = 1 ] && ! grep -q '[1-9?]' $(S)/count; } ||) \
		for to in commits branch; do CAGE_STAYS_PAUSED=1 $(MAKE) kept CAGE_TO=$$to || bash lib/failed/bundle \
		|| { "$$CAGE_ENGINE" unpause -- "$$CAGE_CONTAINER" >/dev/null 2>&1; exit 1; }; done
	$(Q)CAGE_STAYS_PAUSED=1 $(MAKE) removed
	$(Q): >.history/destroying
	$(Q)! grep -q . $(S)/volumes || xargs $(heard) "$$CAGE_ENGINE" volume rm -- <$(S)/volumes >/dev/null
	$(Q)bash lib/destroy/to-trash

# The branch in the clone has the work already, and more.
ALL_THERE = [ "$$($(GIT) --git-dir=$(S)/kept.git rev-list --count refs/heads/work $$(sed 's/^/^/' $(S)/parent))" = 0 ]
# Un-exported work as bundles, which go into the trash with .history. A refused entry stops it, but for --force.
# Before 2.47 no git checks what it takes out of a bundle, so a bundle is made of what passed the check of a fetch.
kept:
	$(Q)CAGE_SKIP_REFUSED="$$CAGE_FORCE" CAGE_FORCE=1 $(MAKE) incoming
	$(Q)rm -rf $(S)/kept.git && $(GIT) init --quiet --bare --template= $(SAME_FORMAT) $(S)/kept.git
	$(Q)cp $(S)/incoming.git/objects/info/alternates $(S)/kept.git/objects/info/alternates
	$(Q)cmp -s $(S)/old $(S)/new || $(FROM_HERE) $(GIT) --git-dir=$(S)/kept.git $(CHECKED) fetch --quiet \
		--no-tags --no-write-fetch-head -- "$$PWD/$(S)/incoming.git" refs/heads/work:refs/heads/work 2>$(S)/fetch.err \
		|| $(die) 3 'git refused what would be kept of the work'
	$(Q)cmp -s $(S)/old $(S)/new || $(ALL_THERE) || $(GIT) --git-dir=$(S)/kept.git bundle create --quiet \
		".history/$$CAGE_TO.bundle" refs/heads/work $$(sed 's/^/^/' $(S)/parent) 2>$(S)/bundle.err

.PHONY: count counted destroyed kept
