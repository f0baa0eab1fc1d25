# The containers: flags, mounts, limits, start, stop, the session.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

# What 'sudo apt-get install' needs, and nothing more.
FOR_APT := CHOWN DAC_OVERRIDE FOWNER SETUID SETGID
MEMORY = $${CAGE_MEMORY:-$$(awk -F '|' 'NR == 1 { printf "%.0f", $$1 / 2 }' $(S)/engine)}
# A bound that the engine can't keep is left out.
LIMITS = memory=$(MEMORY) && swap=$$memory pids=$$CAGE_PIDS cpus=$(2) && unset $$(cat .history/lacks) \
	&& "$$CAGE_ENGINE" $(1) $${memory:+--memory "$$memory"} $${swap:+--memory-swap "$$swap"} \
	$${pids:+--pids-limit "$$pids"} $${cpus:+--cpus "$$cpus"}
# The most that a cage writes outside its volumes: DISK := 20g, on an engine that can bound it ('tc doctor' says).
DISK :=
# The system calls that cage, guard and helpers may make. An engine that was given a profile of its own keeps that.
SECCOMP = $$([ -s .history/own-seccomp ] || echo --security-opt seccomp=seccomp.json)
SESSION = --interactive $$tty --env TERM --env COLORTERM --env CAGE_AGENT --env CAGE_API_KEY_ENV $$(bash lib/agent keys)
# What builds get besides the settings, such as a mirror: BUILD_ARGS += GIT_URL=https://git.example.com
BUILD_ARGS :=
# 'rebuild-image' builds with --no-cache.
CACHE :=

# What every object of this cage is marked with, a mount of its volumes ends with, and keeps a log short.
LABELS = --label "$$CAGE_LABEL_ENV" --label "$$CAGE_LABEL_HOME"
VOLUME = volume-label=$(CAGE_LABEL_ENV),volume-label=$(CAGE_LABEL_HOME),type=volume,src=$(CAGE_CONTAINER)
KEPT_SHORT := --log-driver local --log-opt max-size=1m

ASK_RECREATE := Make the containers anew? What was installed outside the volumes is lost.

seen: | $(S) .history .history/guard
	$(Q)found=$$(bash lib/run/time-limit 30 "$$CAGE_ENGINE" container inspect --format '$(AS_STATE)' \
		-- $(GUARD) "$$CAGE_CONTAINER" "$$CAGE_HELPER" "$$CAGE_MACHINE" 2>$(S)/inspect.err) \
		|| [ $$? != 124 ] || { $(silent); exit 1; }; printf '%s\n' "$$found" >$(S)/inspect
	$(Q)bash lib/engine/facts <$(S)/inspect >$(S)/seen

# Guard, rules, cage, in this order and no other: there is no moment without rules.
up: policy
	$(Q)case "$$(sed -n 's/^cage //p' $(S)/seen)" in \
		paused*) $(heard) "$$CAGE_ENGINE" unpause -- "$$CAGE_CONTAINER" ;; \
		cut-off*) $(heard) bash lib/run/time-limit 60 "$$CAGE_ENGINE" restart --time 2 -- "$$CAGE_CONTAINER" ;; \
		stopped* | missing*) $(heard) bash lib/run/time-limit 60 "$$CAGE_ENGINE" start -- "$$CAGE_CONTAINER" ;; esac >/dev/null || $(unstarted)
	$(Q)rm -f $(S)/restart

container: guard image unclaimed engine-seen flags
	$(Q)! grep -q '^cage missing' $(S)/seen || { $(call LIMITS,create,$$CAGE_CPUS) --name "$$CAGE_CONTAINER" $(LABELS) \
		--label "trusty-cage.image=$$(cat $(S)/image)" \
		--network "container:$$(cat .history/guard)" \
		--mount "$(VOLUME).home,dst=/home/trustycage" \
		--mount "$(VOLUME),dst=/home/trustycage/project,volume-nocopy" \
		--workdir /home/trustycage/project --user 1000:1000 \
		--env HOME=/home/trustycage --env USER=trustycage --env "TRUSTY_CAGE=$$CAGE_NAME" \
		--cap-drop ALL $(if $(filter yes,$(CAGE_HARDENED)),--security-opt no-new-privileges,$(addprefix --cap-add ,$(FOR_APT))) \
		$(SECCOMP) $(addprefix --storage-opt size=,$(DISK)) \
		--ulimit core=0 \
		--ipc private --init --restart no $(KEPT_SHORT) \
		-- "$$(sed -n 1p $(S)/ids)" sleep infinity >/dev/null; }

# Its memory, half of which is a cage's; the seccomp profile it was given, if any; what it can't do.
engine-seen: | $(S) .history
	$(Q)"$$CAGE_ENGINE" info --format '$(AS_ENGINE)' >$(S)/engine 2>/dev/null
	$(Q)sed -E -e '1!d' \
		-e '/[|]name=seccomp,profile=(default|builtin|unconfined)([|]|$$)/d' $(S)/engine >.history/own-seccomp
	$(Q)sed 1d $(S)/engine | bash lib/engine/lacks

# What the containers are made with, for later verbs to compare.
flags: seen
	$(Q)! grep -q '^cage missing' $(S)/seen || bash lib/engine/flags >.history/flags || true

notice: seen
	$(Q)bash lib/notice $(call tag,image)

stopped: seen
	$(Q)rm -f $(S)/restart
	$(Q)$(heard) "$$CAGE_ENGINE" stop --time 3 -- "$$CAGE_CONTAINER" $(GUARD) >/dev/null

# An engine without a freezer can't pause: the cage is stopped instead, if its user agrees, and started again at the end
# of the verb, whatever that is.
ASK_STOP = "The engine can't pause cage '$$CAGE_NAME'. Stop it, and start it again afterwards? What runs in it ends."
CAN_BE_READ = ! grep -Eq '^cage (running|cut-off)' $(S)/seen || ! $(call lacks,pause)
STOP = { $(call said,STOP,$$CAGE_NAME) && : >$(S)/restart \
		&& $(heard) "$$CAGE_ENGINE" stop --time 3 -- "$$CAGE_CONTAINER" >/dev/null \
		&& sed -E 's/^cage (running|cut-off)/cage stopped/' $(S)/seen >$(S)/seen.new && mv $(S)/seen.new $(S)/seen; }
STARTED_AGAIN = $(if $(only_shown),,started_again() { [ ! -e $(S)/restart ] || { $(call said,START,$$CAGE_NAME); \
		$(lock) $(MAKE) up; } || exit 1; }; trap started_again EXIT;)

# An engine without control groups bounds nothing and can't pause. Where it can't bound memory, no line of
# $(call bound,memory,--memory 128m) is passed: it would warn at each call, or refuse.
lacks = grep -qsx $(1) .history/lacks
bound = $$($(call lacks,$(1)) || echo $(2))

CPUS = $${CAGE_CPUS:-$$("$$CAGE_ENGINE" info --format '$(AS_CPUS)')}
UNBOUND = { $(call lacks,memory) && $(call lacks,pids) && $(call lacks,cpus) \
	&& $(tell) "The engine can't bound a cage: memory, cpus and pids have no effect." >&2; }
limits: seen engine-seen ## Apply memory, cpus and pids to the container as it runs
	$(Q)grep -q '^cage missing' $(S)/seen || $(UNBOUND) \
		|| { $(call LIMITS,update,$(CPUS)) -- "$$CAGE_CONTAINER" >/dev/null; }

recreated: up
	$(Q)$(if $(only_shown),,[ ! -e $(S)/home-is-new ] ||) $(MAKE) homed
homed: credentials
	$(Q)rm -f $(S)/home-is-new

replaceable: images unclaimed
	$(Q)$(MAKE) removed

removed: seen
	$(Q)"$$CAGE_ENGINE" ps $(OURS) --quiet >$(S)/ours
	$(Q)[ ! -s $(S)/ours ] || xargs $(heard) "$$CAGE_ENGINE" rm --force -- <$(S)/ours >/dev/null
	$(Q)rm -f .history/guard $(S)/restart

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
		"$$CAGE_ENGINE" pause -- "$$CAGE_CONTAINER" >/dev/null 2>$(S)/pause.err || bash lib/failed/pause $$nap && break; done; }

# Helpers run the guard's image, unless there is no guard, or it is one of a release that asked and answered otherwise.
GUARD_SERVES = ! grep -q '^guard missing' $(S)/seen && [ "$$(cat .history/protocol 2>/dev/null)" = $(PROTOCOL) ]

# $(READING) judge VERB: the helper reads everything and writes nothing. DAC_READ_SEARCH would do, but that one has
# seccomp open open_by_handle_at, and with it every file of the host.
READING = $(RESUMED) { bash lib/export/inventory && $(PAUSE) && tar -C $(S)/question -cf - .; } \
		| $(HELPER) --cap-add DAC_OVERRIDE --user 0:0 \
		--mount "$(VOLUME),dst=/project,readonly" -- "$$(cat $(S)/guard-image)"

# What a helper may know: what was asked for, and the limits of an export.
FOR_HELPERS := $(addprefix --env CAGE_,NAME TAKE FORCE SKIP_REFUSED INCLUDE_IGNORED PATHS SEEDED IMPORTED PARENT TREE \
	IDENT LIMIT_FILE LIMIT_TOTAL LIMIT_ENTRIES LIMIT_DEPTH LIMIT_PATH)

.PHONY: container engine-seen flags homed limits notice recreated removed replaceable seen stopped up
