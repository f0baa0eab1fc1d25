# The way out and back: nothing leaves that was not judged, and what was shown is what is written.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

# What 'export' does, by what it was asked.
export_step = $(if $(value CAGE_UNDO),undone,$(if $(value CAGE_TO),branched,$(if $(only_planned),plan,apply)))
only_planned = $(value CAGE_DRY_RUN)$(value CAGE_JSON)

# The helper is asked with the base and what the host holds now; it answers with lists and a tree of what changed.
stage: question
	$(call say,STAGE,$$CAGE_NAME)
	$(Q)umask 022; { $(READING) judge "$${CAGE_WAY:-export}" | tar -C $(S)/stage -xf - --no-same-owner; } \
		&& [ -e $(S)/stage/complete ] || $(die) 1 'the cage could not be read, so nothing was written' "Try again: @$${CAGE_WAY:-export}@"

question: seen
	$(Q)bash lib/export/ready
	$(Q)$(CAN_BE_READ) || { $(ask) $(ASK_STOP) && $(STOP); }
	$(Q)$(if $(only_shown),,$(GUARD_SERVES) ||) CAGE_MISSING=ok $(MAKE) images IMAGES=guard-image
	$(Q)$(HELPER_GONE)
	$(Q)rm -rf $(S)/question $(S)/stage && mkdir $(S)/question $(S)/stage && cp .history/base $(S)/question/base
	$(Q)git -C repo --git-dir=.git config --null --show-origin --type=path --get core.hooksPath \
		| bash lib/export/included hooks >$(S)/question/hooks
	$(Q)git -C repo --git-dir=.git config --null --show-origin --type=path --get-regexp '^include(if\..*)?\.path$$' \
		| bash lib/export/included >$(S)/question/included
	$(Q)$(IN_CLONE) ls-files -z >$(S)/question/tracked 2>$(S)/files.err \
		|| { [ "$$CAGE_WAY" != sync ] && : >$(S)/question/tracked; } \
		|| $(die) 1 'git could not list the files of the host clone'
	$(Q)[ "$$CAGE_WAY" != sync ] || bash lib/run/time-limit 120 \
		$(IN_CLONE) ls-files -z --others --ignored --exclude-standard >$(S)/question/private 2>$(S)/files.err \
		|| $(die) 1 'git could not list the files of the host clone'

plan: stage
	$(Q)bash lib/export/plan "$${CAGE_WAY:-export}" $(if $(only_planned),$(enough))

# What was staged and shown, if it is anything.
WRITES_NOTHING = [ ! -s $(S)/stage/write ] && [ ! -s $(S)/stage/delete ] && [ ! -e .history/applying ]
apply: plan
	$(Q): >$(S)/backup
	$(Q)$(if $(only_shown),,$(WRITES_NOTHING) ||) $(MAKE) written
	$(Q)bash lib/export/close

# $(call copied,FROM,LIST) TO: those files, links and folders, as they are; no link is followed. Copies lie beside the
# clone: into it files are moved, so that each is the old one or the new one, and never seen by half.
copied = set -o pipefail; tar -C $(1) -cf - --no-recursion --null -T $(2) | tar -xpf - -C
UNFINISHED = $(die) 1 'the export was written only in part' 'Finish it: @export@' 'Or take it back: @export@ @undo@'
NOT_BACK = $(die) 1 'not all could be put back' 'Try again: @export@ @undo@'

# The host's own versions go into a backup first; what exists only there stays.
written:
	$(Q)[ ! -s $(S)/stage/write ] && [ ! -s $(S)/stage/delete ] || $(ask) 'Write this into the host clone?'
	$(Q)bash lib/export/recheck
	$(Q)bash lib/export/keep
	$(Q)for list in $(S)/kept/*; do [ ! -s "$$list" ] || \
		{ $(call copied,repo,"$$list") "$(S)/keeping/$${list##*/}"; } || exit 1; done
	$(Q)bash lib/export/put $(S)/keeping "$$(cat $(S)/backup)"
	$(Q)[ ! -s $(S)/delete ] || xargs -0 rm -f -- <$(S)/delete || $(UNFINISHED)
	$(Q)[ ! -s $(S)/rmdir ] || xargs -0 rmdir -- <$(S)/rmdir 2>/dev/null || true
	$(Q)bash lib/export/put $(S)/stage/tree repo || $(UNFINISHED)

# The state before the last export, also before one that was not finished. What stands there now goes into the backup.
undone: | $(S)
	$(Q)bash lib/export/undo-last
	$(Q)$(ask) "Put the host clone back to what it was before $$(cat $(S)/backup)? What was changed there since is kept."
	$(Q)bash lib/export/undo
	$(Q)[ ! -s $(S)/aside ] || \
		{ $(call copied,repo,$(S)/aside) $(S)/keeping && mv $(S)/keeping "$$(cat $(S)/undone)"; }
	$(Q)[ ! -s $(S)/delete ] || xargs -0 rm -f -- <$(S)/delete || $(NOT_BACK)
	$(Q)[ ! -s $(S)/rmdir ] || xargs -0 rmdir -- <$(S)/rmdir 2>/dev/null || true
	$(Q)set -o pipefail; tar -C "$$(cat $(S)/backup)/files" -cf - . | tar -xpf - -C $(S)/back
	$(Q)bash lib/export/put $(S)/back repo || $(NOT_BACK)
	$(Q)bash lib/export/close-undo

# What the host changed since the base goes into the cage, the same three-sided way; CAGE_PATHS restricts it.
synced: plan
	$(Q)[ ! -s $(S)/stage/write ] && [ ! -s $(S)/stage/delete ] || $(ask) 'Write this into the cage?'
	$(Q)$(RESUMED) { $(PAUSE) && tar -C $(S) -cf - stage/expect stage/delete stage/write stage/base && \
		{ [ ! -s $(S)/stage/write ] || tar -C repo -cf - --no-recursion --null -T $(S)/stage/write; }; } \
		| $(HELPER) --user 1000:1000 --mount "$(VOLUME),dst=/project" -- "$$(cat $(S)/guard-image)" receive >.history/base.new 2>$(S)/helper.err \
		|| bash lib/failed/helper sync
	$(Q)mv .history/base.new .history/base
	$(Q)$(tell) "Cage '@name@' has the host's changes."

.PHONY: apply plan question stage synced undone written
