# Cage 'minimal': the way out and back. Nothing leaves that was not judged, and what was shown is what is written.
# Rendered by trusty-cage 0.0.0. This file is yours: edit it freely. A re-render merges into
# your edits and never overwrites them; 'tc diff-recipes minimal' shows them.
#
# stage asks a helper what changed and takes it into .state/stage; plan shows it; apply writes exactly that.

##@ Limits of an export: bytes of one file, bytes in all, entries, folders deep, bytes of a path

export CAGE_LIMIT_FILE ?= 104857600
export CAGE_LIMIT_TOTAL ?= 2147483648
export CAGE_LIMIT_ENTRIES ?= 1000000
export CAGE_LIMIT_DEPTH ?= 100
export CAGE_LIMIT_PATH ?= 1000

# A helper fills or reads the volume: trusted, short-lived, without network.
HELPER = $(heard) "$$CAGE_ENGINE" run --rm --interactive --name "$$CAGE_HELPER" $(LABELS) \
	--network none --cap-drop ALL \
	--security-opt no-new-privileges $(SECCOMP) --read-only --log-driver none \
	$(call bound,memory,--memory 4g) $(call bound,pids,--pids-limit 128) \
	--tmpfs /run/j:size=256m,mode=1777 $(FOR_HELPERS)
# One that a kill left behind makes room.
HELPER_GONE = grep -q '^helper missing' $(S)/seen || for _ in 1 2 3 4 5 6 7 8 9; do \
		"$$CAGE_ENGINE" rm --force -- "$$CAGE_HELPER" >/dev/null 2>&1 || true; \
		"$$CAGE_ENGINE" container inspect -- "$$CAGE_HELPER" >/dev/null 2>&1 || break; sleep 0.3; done

# $(RESUMED) COMMAND: whatever its end is, the cage runs again. Within it, $(PAUSE) comes just before the helper's
# standard input begins. A helper does nothing before that, so its container can start while the host is looked at.
RESUMED = set -o pipefail; rm -f $(S)/paused; ! grep -q '^cage paused' $(S)/seen || : >$(S)/paused; \
		trap '[ -n "$$CAGE_STAYS_PAUSED" ] || [ ! -e $(S)/paused ] || { $(UNPAUSE); }' EXIT;
UNPAUSE = "$$CAGE_ENGINE" unpause -- "$$CAGE_CONTAINER" >/dev/null 2>&1 \
		&& sed "s/^cage paused/cage running/" $(S)/seen >$(S)/seen.new && mv $(S)/seen.new $(S)/seen
# Under a storm of new processes a pause can fail that works a moment later.
PAUSE = { grep -q '^cage paused' $(S)/seen || ! grep -Eq '^cage (running|cut-off)' $(S)/seen \
		|| for nap in 0.1 0.2 0.4 0.8 none; do : >$(S)/paused; \
		"$$CAGE_ENGINE" pause -- "$$CAGE_CONTAINER" >/dev/null 2>$(S)/pause.err || bash lib/unpaused $$nap && break; done; }

# An engine without a freezer can't pause: the cage is stopped instead, if its user agrees, and started again at the end
# of the verb, whatever that is.
ASK_STOP = "The engine can't pause cage '$$CAGE_NAME'. Stop it, and start it again afterwards? What runs in it ends."
CAN_BE_READ = ! grep -Eq '^cage (running|cut-off)' $(S)/seen || ! $(call lacks,pause)
STOP = { $(call said,STOP,$$CAGE_NAME) && : >$(S)/restart \
		&& $(heard) "$$CAGE_ENGINE" stop --time 3 -- "$$CAGE_CONTAINER" >/dev/null \
		&& sed -E 's/^cage (running|cut-off)/cage stopped/' $(S)/seen >$(S)/seen.new && mv $(S)/seen.new $(S)/seen; }
STARTED_AGAIN = $(if $(only_shown),,started_again() { [ ! -e $(S)/restart ] || { $(call said,START,$$CAGE_NAME); \
		$(lock) $(MAKE) up; } || exit 1; }; trap started_again EXIT;)

# Helpers run the guard's image, unless there is no guard, or it is one of a release that asked and answered otherwise.
GUARD_SERVES = ! grep -q '^guard missing' $(S)/seen && [ "$$(cat .history/protocol 2>/dev/null)" = $(PROTOCOL) ]

# $(READING) judge VERB: the helper reads everything and writes nothing. DAC_READ_SEARCH would do, but that one has
# seccomp open open_by_handle_at, and with it every file of the host.
READING = $(RESUMED) { bash lib/inventory && $(PAUSE) && tar -C $(S)/question -cf - .; } \
		| $(HELPER) --cap-add DAC_OVERRIDE --user 0:0 \
		--mount "$(VOLUME),dst=/project,readonly" -- "$$(cat $(S)/guard-image)"

##@ Everyday

export: ## Bring the work back to the host clone (CAGE_DRY_RUN, CAGE_DIFF, CAGE_TAKE, CAGE_UNDO, CAGE_TO, CAGE_YES …)
	$(Q)[ -z "$$CAGE_TO$$CAGE_UNDO" ] || [ -z "$$CAGE_DRY_RUN$$CAGE_JSON" ] || $(die) 2 \
		'only an export into the work tree can be shown without being done' 'A branch leaves the work tree alone: look at it there.'
	$(Q)$(STARTED_AGAIN) $(lock) $(MAKE) $(export_step)
	$(post)

sync: ## Take the host's changes into the cage (CAGE_PATHS, CAGE_TAKE=host)
	$(Q)$(STARTED_AGAIN) CAGE_WAY=sync $(lock) $(MAKE) $(if $(only_planned),plan,synced)
	$(post)

# The helper is asked with the base and what the host holds now; it answers with lists and a tree of what changed.
stage: question
	$(call say,STAGE,$$CAGE_NAME)
	$(Q)umask 022; { $(READING) judge "$${CAGE_WAY:-export}" | tar -C $(S)/stage -xf - --no-same-owner; } \
		&& [ -e $(S)/stage/complete ] || $(die) 1 'the cage could not be read, so nothing was written' "Try again: @$${CAGE_WAY:-export}@"

question: seen
	$(Q)bash lib/askable
	$(Q)$(CAN_BE_READ) || { $(ask) $(ASK_STOP) && $(STOP); }
	$(Q)$(if $(only_shown),,$(GUARD_SERVES) ||) CAGE_MISSING=ok $(MAKE) images IMAGES=guard-image
	$(Q)$(HELPER_GONE)
	$(Q)rm -rf $(S)/question $(S)/stage && mkdir $(S)/question $(S)/stage && cp .history/base $(S)/question/base
	$(Q)git -C repo --git-dir=.git config --null --show-origin --type=path --get core.hooksPath \
		| bash lib/included hooks >$(S)/question/hooks
	$(Q)git -C repo --git-dir=.git config --null --show-origin --type=path --get-regexp '^include(if\..*)?\.path$$' \
		| bash lib/included >$(S)/question/included
	$(Q)$(IN_CLONE) ls-files -z >$(S)/question/tracked 2>$(S)/files.err \
		|| { [ "$$CAGE_WAY" != sync ] && : >$(S)/question/tracked; } \
		|| $(die) 1 'git could not list the files of the host clone'
	$(Q)[ "$$CAGE_WAY" != sync ] || bash lib/within 120 \
		$(IN_CLONE) ls-files -z --others --ignored --exclude-standard >$(S)/question/private 2>$(S)/files.err \
		|| $(die) 1 'git could not list the files of the host clone'

plan: stage
	$(Q)bash lib/plan "$${CAGE_WAY:-export}" $(if $(only_planned),$(enough))

# What was staged and shown, if it is anything.
WRITES_NOTHING = [ ! -s $(S)/stage/write ] && [ ! -s $(S)/stage/delete ] && [ ! -e .history/applying ]
apply: plan
	$(Q): >$(S)/backup
	$(Q)$(if $(only_shown),,$(WRITES_NOTHING) ||) $(MAKE) written
	$(Q)bash lib/exported

# $(call copied,FROM,LIST) TO: those files, links and folders, as they are; no link is followed. Copies lie beside the
# clone: into it files are moved, so that each is the old one or the new one, and never seen by half.
copied = set -o pipefail; tar -C $(1) -cf - --no-recursion --null -T $(2) | tar -xpf - -C
UNFINISHED = $(die) 1 'the export was written only in part' 'Finish it: @export@' 'Or take it back: @export@ @undo@'
NOT_BACK = $(die) 1 'not all could be put back' 'Try again: @export@ @undo@'

# The host's own versions go into a backup first; what exists only there stays.
written:
	$(Q)[ ! -s $(S)/stage/write ] && [ ! -s $(S)/stage/delete ] || $(ask) 'Write this into the host clone?'
	$(Q)bash lib/check
	$(Q)bash lib/keep
	$(Q)for list in $(S)/kept/*; do [ ! -s "$$list" ] || \
		{ $(call copied,repo,"$$list") "$(S)/keeping/$${list##*/}"; } || exit 1; done
	$(Q)bash lib/put $(S)/keeping "$$(cat $(S)/backup)"
	$(Q)[ ! -s $(S)/delete ] || xargs -0 rm -f -- <$(S)/delete || $(UNFINISHED)
	$(Q)[ ! -s $(S)/rmdir ] || xargs -0 rmdir -- <$(S)/rmdir 2>/dev/null || true
	$(Q)bash lib/put $(S)/stage/tree repo || $(UNFINISHED)

# The state before the last export, also before one that was not finished. What stands there now goes into the backup.
undone: | $(S)
	$(Q)bash lib/last
	$(Q)$(ask) "Put the host clone back to what it was before $$(cat $(S)/backup)? What was changed there since is kept."
	$(Q)bash lib/undo
	$(Q)[ ! -s $(S)/aside ] || \
		{ $(call copied,repo,$(S)/aside) $(S)/keeping && mv $(S)/keeping "$$(cat $(S)/undone)"; }
	$(Q)[ ! -s $(S)/delete ] || xargs -0 rm -f -- <$(S)/delete || $(NOT_BACK)
	$(Q)[ ! -s $(S)/rmdir ] || xargs -0 rmdir -- <$(S)/rmdir 2>/dev/null || true
	$(Q)set -o pipefail; tar -C "$$(cat $(S)/backup)/files" -cf - . | tar -xpf - -C $(S)/back
	$(Q)bash lib/put $(S)/back repo || $(NOT_BACK)
	$(Q)bash lib/undone

# What a recipe fetches lies here. 'url.ssh://x.insteadOf' in git's settings would have another program get it.
FROM_HERE = GIT_ALLOW_PROTOCOL=file

# The cage's state, or (CAGE_TO=commits) the agent's own commits, on a branch; work tree and HEAD stay as they are.
branched: incoming
	$(Q)cmp -s $(S)/old $(S)/new || $(FROM_HERE) $(IN_CLONE) $(CHECKED) fetch --quiet --no-tags \
		--no-write-fetch-head -- "$$PWD/$(S)/incoming.git" "refs/heads/work:refs/heads/$$(cat $(S)/branch)" \
		2>$(S)/fetch.err || bash lib/unfetched
	$(Q)bash lib/branched

# Made in a git folder that borrows the clone's objects; the fetch above checks them whole before the clone has them.
# A commit that changes nothing is news among the agent's own, and none as the cage's state. fast-import looks through a
# whole folder for each name that comes: a million in one folder, a small tree, would be hours.
IMPORT_SECONDS := 600
LANDS = $(if $(filter commits,$(value CAGE_TO)),commit,tree)
incoming: question
	$(Q)$(IN_CLONE) ls-tree -r -z --full-tree HEAD >$(S)/question/head 2>/dev/null || : >$(S)/question/head
	$(Q)cp .history/base.seeded $(S)/question/base && printf '%s\n' "$${CAGE_AS:-cage/$$CAGE_NAME}" >$(S)/branch
	$(Q)$(GIT) check-ref-format --branch "$$(cat $(S)/branch)" >/dev/null || $(die) 2 'that is no name for a branch'
	$(Q)$(IN_CLONE) rev-parse --quiet --verify "refs/heads/$$(cat $(S)/branch)" >$(S)/parent \
		|| $(IN_CLONE) rev-parse --quiet --verify "$$(cat .history/seeded)^{commit}" >$(S)/parent 2>/dev/null || true
	$(Q)$(IN_CLONE) rev-parse --quiet --verify "$$(cat $(S)/parent)^{$(LANDS)}" >$(S)/old 2>/dev/null || true
	$(Q)$(IN_CLONE) rev-parse --quiet --verify "$$(cat .history/seeded)^{tree}" >$(S)/seeded-tree
	$(Q)$(IN_CLONE) var GIT_COMMITTER_IDENT >$(S)/ident 2>/dev/null \
		|| echo "trusty-cage <trusty-cage@localhost> $$(date +%s) +0000" >$(S)/ident
	$(Q)rm -rf $(S)/incoming.git && $(GIT) init --quiet --bare --template= $(SAME_FORMAT) $(S)/incoming.git
	$(Q)echo ../../../repo/.git/objects >$(S)/incoming.git/objects/info/alternates
	$(Q){ $(COMMIT) $(READING) $(if $(filter commits,$(value CAGE_TO)),commits export,judge branch) \
		| (ulimit -t $(IMPORT_SECONDS); $(GIT) --git-dir=$(S)/incoming.git fast-import --quiet --done) >$(S)/import.log 2>&1; } \
		|| $(die) 3 'the work could not be made commits, so nothing was written'
	$(Q)$(GIT) --git-dir=$(S)/incoming.git rev-parse --quiet --verify 'refs/heads/work^{$(LANDS)}' >$(S)/new 2>/dev/null \
		|| cp $(S)/old $(S)/new

# What the host changed since the base goes into the cage, the same three-sided way; CAGE_PATHS restricts it.
synced: plan
	$(Q)[ ! -s $(S)/stage/write ] && [ ! -s $(S)/stage/delete ] || $(ask) 'Write this into the cage?'
	$(Q)$(RESUMED) { $(PAUSE) && tar -C $(S) -cf - stage/expect stage/delete stage/write stage/base && \
		{ [ ! -s $(S)/stage/write ] || tar -C repo -cf - --no-recursion --null -T $(S)/stage/write; }; } \
		| $(HELPER) --user 1000:1000 --mount "$(VOLUME),dst=/project" -- "$$(cat $(S)/guard-image)" receive >.history/base.new 2>$(S)/helper.err \
		|| bash lib/unwritten sync
	$(Q)mv .history/base.new .history/base
	$(Q)$(tell) "Cage '@name@' has the host's changes."

# Asked where something failed: is it the engine that went away?
reached: | $(S)
	$(Q)"$$CAGE_ENGINE" version >/dev/null 2>$(S)/reached || bash lib/unreachable <$(S)/reached || true

# Un-exported work, for status and before anything is destroyed.
counted: seen
	$(Q)rm -f $(S)/count
	$(Q)found=$$("$$CAGE_ENGINE" volume ls --quiet --filter "label=$$CAGE_LABEL_ENV" --filter "label=$$CAGE_LABEL_HOME") \
		&& printf '%s\n' "$$found" >$(S)/volumes
	$(Q)! grep -qx "$$CAGE_VOLUME" $(S)/volumes || [ ! -e .history/base ] \
		|| { [ "$$CAGE_ONLY_LOOKS" = 1 ] && ! { $(CAN_BE_READ); }; } || $(MAKE) count

count: question
	$(Q){ $(COMMIT) $(READING) judge count; } >$(S)/count || rm -f $(S)/count

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

.PHONY: apply branched count counted export incoming kept plan question reached stage sync synced undone written
