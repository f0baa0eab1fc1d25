# Destroying a cage: un-exported work is counted and bundled, then all is removed.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

#: Count un-exported work, for status and before anything is destroyed
counted: seen
	$(Q)rm -f $(S)/export/count
	$(Q)"$$CAGE_ENGINE" volume ls --quiet $(OURS) >$(S)/engine/volumes
	$(Q)$(if $(only_shown),,! bash lib/destroy/can-count ||) $(MAKE) count

#: Have the guard count
count: question refs-of-clone
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

KEEPING := CAGE_STAYS_PAUSED=1 CAGE_SKIP_REFUSED=1 CAGE_FORCE=1
#: Bundle the commits of all refs and the state beside them, and keep beside that what may not leave
all-kept:
	$(Q)rm -f $(S)/commits/unbundled
	$(Q)$(KEEPING) $(MAKE) kept CAGE_TO=commits CAGE_ALL_REFS=1 CAGE_REFLOGS=1 || $(failed)/refs
	$(Q)$(KEEPING) $(MAKE) kept CAGE_TO=branch || $(failed)/bundle
	$(Q)$(KEEPING) $(MAKE) refused-kept || $(failed)/bundle

KEPT = $(GIT) --git-dir=$(S)/commits/kept.git
# git before 2.47 does not check the objects of a bundle, so a fetch checks them before they are bundled.
#: Bundle un-exported work; bundles go into the trash with .history
kept: kept-begun
	$(Q)cmp -s $(S)/commits/old $(S)/commits/new || $(FROM_HERE) $(KEPT) $(CHECKED) fetch \
		--quiet \
		--no-write-fetch-head \
		-- "$$PWD/$(S)/commits/incoming.git" $(foreach kind,$(KINDS),'refs/$(kind)/*:refs/$(kind)/*') \
		2>$(S)/commits/fetch.err || $(failed)/kept fetch
	$(Q)$(KEPT) for-each-ref >$(S)/commits/kept
	$(Q)[ ! -s $(S)/commits/kept ] || $(KEPT) bundle create \
		--quiet ".history/$$CAGE_TO.bundle" \
		--all \
		--not $$(cat $(S)/commits/parent) 2>$(S)/commits/bundle.err \
		|| $(failed)/kept bundle
	$(Q)[ "$$CAGE_TO" != branch ] || ! cmp -s $(S)/commits/old $(S)/commits/new \
		|| cmp -s $(S)/commits/tip .history/seeded || cp $(S)/commits/branch .history/on-branch

#: Keep what may not leave the cage in one file, which only another cage unpacks
refused-kept: branch-named
	$(Q)bash lib/export/asked $(PAUSE) | $(HELPER) \
		--cap-add DAC_OVERRIDE \
		--mount "$(FROM_VOLUME),dst=/project,readonly" \
		$$(bash lib/destroy/home-mount "$(FROM_VOLUME)") \
		--user 0:0 \
		-- "$$(cat $(S)/image/used-guard-image)" keep >$(S)/commits/kept.tar || rm -f $(S)/export/asked
	$(Q)bash lib/destroy/whole

# The clone's history may be cut off, or lack old files: with a ref at the parent, git doesn't look before it.
#: A git folder for the bundle, beside the one with the new commits
kept-begun:
	$(Q)$(MAKE) incoming
	$(Q)rm -rf $(S)/commits/kept.git
	$(Q)$(INIT) $(S)/commits/kept.git
	$(Q)cp $(S)/commits/incoming.git/objects/info/alternates $(S)/commits/kept.git/objects/info/alternates
	$(Q)[ ! -s $(S)/commits/parent ] || cp $(S)/commits/parent $(S)/commits/kept.git/refs/parent

.PHONY: all-kept count counted destroyed kept kept-begun refused-kept \
	sized to-be-destroyed
