# Destroying a cage: un-exported work is counted and bundled, then all is removed.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

#: Count un-exported work, for status and before anything is destroyed
counted: seen
	$(Q)rm -f $(S)/export/count
	$(Q)"$$CAGE_ENGINE" volume ls --quiet $(OURS) >$(S)/engine/volumes
	$(Q)$(if $(only_shown),,! bash lib/destroy/can-count ||) $(MAKE) count

#: Have the guard count
count: question
	$(Q)$(READING) judge count | bash lib/run/unpack $(S)/export/stage || rm -f $(S)/export/asked
	$(RESUME)
	$(Q)[ ! -e $(S)/export/asked ] || mv $(S)/export/stage/count $(S)/export/count

#: Measure the home in KiB, for 'status' with CAGE_SIZE=1
sized: counted helper-image helper-gone
	$(Q)rm -f $(S)/engine/home-size
	$(Q)! grep -qx "$$CAGE_HOME_VOLUME" $(S)/engine/volumes || $(HELPER) \
		--cap-add DAC_OVERRIDE \
		--mount "$(FROM_VOLUME).home,dst=/sized,readonly" \
		--user 0:0 \
		-- "$$(cat $(S)/image/used-guard-image)" du -s -k /sized </dev/null >$(S)/engine/home-size \
		|| rm -f $(S)/engine/home-size

#: Remove containers, volumes and the folder; keep the host clone, bundle the work
destroyed: to-be-destroyed
	$(Q)CAGE_STAYS_PAUSED=1 $(MAKE) removed
	$(Q): >.history/destroying
	$(Q)[ ! -s $(S)/engine/volumes ] || xargs $(heard) "$$CAGE_ENGINE" volume rm -- <$(S)/engine/volumes >/dev/null
	$(Q)bash lib/destroy/to-trash

#: Count the work that would be lost, ask, stop the agent, and bundle the work
to-be-destroyed: counted
	$(Q)bash lib/destroy/would-lose
	$(Q)$(ask) "Destroy cage '$$CAGE_NAME' with its containers and volumes? The host clone is kept."
	$(Q)$(if $(only_shown),,bash lib/export/can-be-read ||) $(MAKE) halted
	$(Q)bash lib/run/pause $(PAUSE) || $(die) 1 \
		'the cage could not be paused, so nothing was destroyed' 'Try again: @destroy@'
	$(Q)$(if $(only_shown),,bash lib/destroy/nothing-to-keep ||) $(MAKE) all-kept

#: Bundle the agent's commits, and the state beside them
all-kept:
	$(Q)CAGE_STAYS_PAUSED=1 $(MAKE) kept CAGE_TO=commits || $(failed)/bundle
	$(Q)CAGE_STAYS_PAUSED=1 $(MAKE) kept CAGE_TO=branch || $(failed)/bundle

KEPT = $(GIT) --git-dir=$(S)/commits/kept.git
# git before 2.47 does not check the objects of a bundle, so a fetch checks them before they are bundled.
#: Bundle un-exported work; bundles go into the trash with .history. A refused entry stops it, unless --force
kept: kept-begun
	$(Q)cmp -s $(S)/commits/old $(S)/commits/new || $(FROM_HERE) $(KEPT) $(CHECKED) fetch \
		--quiet \
		--no-tags \
		--no-write-fetch-head \
		-- "$$PWD/$(S)/commits/incoming.git" refs/heads/work:refs/heads/work 2>$(S)/commits/fetch.err \
		|| $(die) 3 'git refused the work that was to be bundled'
	$(Q)cmp -s $(S)/commits/old $(S)/commits/new || $(KEPT) rev-list --count refs/heads/work \
		--not $$(cat $(S)/commits/parent) >$(S)/commits/count
	$(Q)cmp -s $(S)/commits/old $(S)/commits/new || grep -qx 0 $(S)/commits/count || $(KEPT) bundle create \
		--quiet ".history/$$CAGE_TO.bundle" refs/heads/work \
		--not $$(cat $(S)/commits/parent) 2>$(S)/commits/bundle.err

# The clone's history may be cut off, or lack old files: with a ref at the parent, git doesn't look before it.
#: A git folder for the bundle, beside the one with the new commits
kept-begun:
	$(Q)CAGE_SKIP_REFUSED="$$CAGE_FORCE" CAGE_FORCE=1 $(MAKE) incoming
	$(Q)rm -rf $(S)/commits/kept.git
	$(Q)$(INIT) $(S)/commits/kept.git
	$(Q)cp $(S)/commits/incoming.git/objects/info/alternates $(S)/commits/kept.git/objects/info/alternates
	$(Q)[ ! -s $(S)/commits/parent ] || cp $(S)/commits/parent $(S)/commits/kept.git/refs/parent

.PHONY: all-kept count counted destroyed kept kept-begun sized to-be-destroyed
