# The containers: flags, mounts, limits, start, stop, the session; and the helper that reads or writes the volume.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# For the other files:
#   SESSION         flags of a session: variables of this terminal
#   INSIDE          a session's command runs by it, inside
#   NOT_TYPED       keys that let go of a session's program: nobody types them
#   AFTER_PREFIX    the same for attach: they begin with the prefix of tmux
#   ASK_RECREATE    the question before containers are made anew
#   SECCOMP         the system calls that containers may make
#   HELPER          a short-lived container of the guard's image, without network
#   READING         a helper that answers a question by reading the volume
#   READER          a helper that reads the volume
#   PAUSE, RESUME   stops the cage's processes while it is read; lets them go on
#   up_at_once      makes 'up', unless guard and cage run as the last 'up' left them: no lock is taken then

# Variables that every session gets from the shell that calls make; one that is not exported there is left out. Add
# yours here: SESSION_ENV := … THEME. shell and exec have it at once, new panes of tmux after the next attach. It wins
# against a line of the file env, which has values that are no secret. lib/session-env adds that file, the key of each
# agent and the zone of the clock.
SESSION_ENV := TERM COLORTERM CAGE_AGENT CAGE_API_KEY_ENV
export CAGE_SESSION_ENV = $(SESSION_ENV)
SESSION = --interactive $(addprefix --env ,CAGE_CALL $(SESSION_ENV))
INSIDE := /bin/sh -c "$$(awk '/^[^$(pound)]/ { printf "%s; ", $$0 }' lib/run/command-inside)" sh

# The engine lets go of a program at Ctrl-P Ctrl-Q, unless it is given other keys. It holds the first of them back until
# the next one comes: here that is Ctrl-^ alone; in attach it is the prefix, after which tmux waits as well.
NOT_TYPED := ctrl-^,ctrl-_,ctrl-^,ctrl-_
CONTROL := $(addprefix C-,a b c d e f g h i j k l m n o p q r s t u v w x y z)
AFTER_PREFIX = $(patsubst C-%,ctrl-%,$(firstword $(filter $(CONTROL),$(CAGE_TMUX_PREFIX)) C-^)),$(NOT_TYPED)

# 'sudo apt-get install' needs these capabilities and no other.
FOR_APT := CHOWN DAC_OVERRIDE FOWNER SETUID SETGID
PRIVILEGES = $(if $(filter yes,$(CAGE_HARDENED)),--security-opt no-new-privileges,$(addprefix --cap-add ,$(FOR_APT)))

SECCOMP := --security-opt seccomp=seccomp.json

NO_PROXIES_GIVEN := The proxies in docker's settings (config.json) are not handed to the cage. \
	To hand in your shell's: SESSION_ENV += https_proxy in local.mk

ASK_RECREATE := Make the containers anew? Everything outside the volumes is lost.

# A volume of your own is one more line beside those with --mount below, for example
#		--mount "$(FROM_VOLUME).cache,dst=/home/trustycage/cache" \
# For the cage's user to write there, add the folder to 'mkdir -p /home/trustycage/project …' in the Dockerfile: else it
# is root's. 'make recreate' applies both edits, since it builds an image whose recipe has changed; 'make destroy'
# removes the volume with the others, and keeps nothing of it.
#: Make the cage's container, unless it is there
container: guard image unclaimed engine-seen flags
	$(Q)$(when) 'cage missing' $(fitted) "$$CAGE_ENGINE" create \
		--cap-drop ALL \
		$(PRIVILEGES) \
		--cpus "$$CAGE_CPUS" \
		--env HOME=/home/trustycage \
		--env "TRUSTY_CAGE=$$CAGE_NAME" \
		--env USER=trustycage \
		$(NO_PROXIES) \
		--init \
		--ipc private \
		$(LABELS) \
		--label "trusty-cage.image=$$(cat $(S)/image/used-image)" \
		$(KEPT_SHORT) \
		--memory "$${CAGE_MEMORY:-$$(bash lib/engine/default memory)}" \
		--memory-swap "$${CAGE_MEMORY:-$$(bash lib/engine/default memory)}" \
		--mount "$(FROM_VOLUME),dst=/home/trustycage/project,volume-nocopy" \
		--mount "$(FROM_VOLUME).home,dst=/home/trustycage" \
		--name "$$CAGE_CONTAINER" \
		--network "container:$$(cat .history/guard)" \
		--pids-limit "$$CAGE_PIDS" \
		--restart no \
		$(SECCOMP) \
		$(addprefix --shm-size ,$(SHM)) \
		$(addprefix --storage-opt size=,$(DISK)) \
		--ulimit core=0 \
		--user 1000:1000 \
		--workdir /home/trustycage/project \
		$(CONTAINER_FLAGS) \
		-- "$$(cat $(S)/image/id-image)" sleep infinity >/dev/null
	$(Q)! bash lib/engine/proxies || $(when) 'cage missing' $(tell) "$(NO_PROXIES_GIVEN)" >&2

#: Stop early if there is no terminal, layout.sh has a syntax error, or env a bad line
attachable:
	$(Q)[ -t 0 -a -t 1 ] || $(die) 1 'attach needs a terminal' 'For one command: @exec@'
	$(Q)sh -n layout.sh || $(die) 1 "layout.sh can't be read" 'See what was changed in it: @diff-recipes@'
	$(Q)bash lib/session-env >/dev/null

# The state of the guard, the cage and the gate, from the engine.
LOOK = "$$CAGE_ENGINE" container inspect --format '$(AS_STATE)' -- $(GUARD_AND_GATE) "$$CAGE_CONTAINER"
#: Ask the engine once for the state of this cage's containers, and judge the answer
seen: | $(FOLDERS) .history .history/guard
	$(Q)bash lib/engine/answer 30 $(S)/engine/containers $(LOOK) "$$CAGE_HELPER" "$$CAGE_MACHINE"
	$(Q)$(if $(only_shown),,bash lib/engine/known ||) $(MAKE) engine-known
	$(Q)bash lib/engine/facts <$(S)/engine/containers >$(S)/engine/seen

# 'create' and 'recreate' make the containers first (create.mk); a cage that was just made counts as missing here, and
# is started. cut-off: the guard is newer than the cage, whose network ended with the old one.
#: Guard, rules, cage, in this order and no other: there is no moment without rules
started: policy
	$(Q)$(when) 'cage paused' $(heard) "$$CAGE_ENGINE" unpause -- "$$CAGE_CONTAINER" >/dev/null || $(failed)/start
	$(Q)$(when) 'cage cut-off' $(heard) $(within) 60 "$$CAGE_ENGINE" restart --time 2 -- "$$CAGE_CONTAINER" >/dev/null \
		|| $(failed)/start
	$(Q)$(when) 'cage (stopped|missing)' $(heard) $(within) 60 "$$CAGE_ENGINE" start -- "$$CAGE_CONTAINER" >/dev/null \
		|| $(failed)/start

#: The cage runs, and stays up; the gate has the keys
up: started keyed
	$(Q)bash lib/engine/at-hand keep $(LOOK)
	$(Q)$(if $(only_shown),,bash lib/engine/stays ||) $(MAKE) settled
	$(Q)rm -f $(S)/export/stopped
	$(Q)$(if $(only_shown),,bash lib/keys/login ||) $(MAKE) credentials-copied

# An ENTRYPOINT of the image gets the cage's command, to run it in the end.
#: Wait, ten seconds at most, until an ENTRYPOINT has run the cage's command; fail if the cage did not stay up
settled:
	$(Q)$(within) 15 "$$CAGE_ENGINE" exec \
		-- "$$CAGE_CONTAINER" /bin/sh -c "$$(cat lib/engine/settled-inside)" >/dev/null 2>&1 || true
	$(Q)bash lib/engine/at-hand keep $(LOOK)
	$(Q)$(if $(only_shown),,bash lib/engine/stays settled ||) $(MAKE) fallen

# The next create makes the container anew, from the Dockerfile as it is by then.
#: Keep the last words of a container that did not stay up, remove it if the cage is not whole yet, and fail
fallen:
	$(Q)$(within) 10 "$$CAGE_ENGINE" logs --tail 15 -- "$$CAGE_CONTAINER" >$(S)/engine/last-words 2>&1 || true
	$(Q)[ -e .history/created ] || $(heard) "$$CAGE_ENGINE" rm --force -- "$$CAGE_CONTAINER" >/dev/null
	$(Q)$(failed)/stay

up_at_once = [ -e .history/guard ] && bash lib/engine/at-hand $(LOOK) || $(lock) make -f Makefile $(side_by_side) up

#: Name the stale parts of the cage, a line each
notice: seen tags
	$(Q)bash lib/notice

# Nothing on the host has the kernel's counter where the engine runs on another machine; the cage sees its own.
COUNTERS := /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control # linux
KILLS = bash lib/engine/kills $(within) 5 "$$CAGE_ENGINE" exec -- "$$CAGE_CONTAINER" cat $(COUNTERS)

#: Say how many programs the kernel ended since the cage's memory was full; asked after an exit code 137
killed: | $(FOLDERS)
	$(Q)$(KILLS)
	$(Q)bash lib/engine/killed news

#: The kernel's counter of programs that it ended since the cage's memory was full
kills: seen
	$(Q)rm -f $(S)/engine/kills
	$(Q)$(when) 'cage running' $(KILLS)

#: Stop the cage, its guard and its gate
stopped: seen
	$(Q)rm -f $(S)/export/stopped
	$(Q)$(heard) "$$CAGE_ENGINE" stop --time 3 \
		-- "$$CAGE_CONTAINER" $(GUARD) $$($(unless) 'gate missing' echo $(GATE)) >/dev/null

#: Apply the limits to the running container; an empty one is lifted
limited: seen engine-seen
	$(Q)bash lib/engine/unbound || $(unless) 'cage missing' $(fitted) "$$CAGE_ENGINE" update \
		--cpus "$${CAGE_CPUS:-$$(bash lib/engine/default cpus)}" \
		--memory "$${CAGE_MEMORY:-$$(bash lib/engine/default memory)}" \
		--memory-swap "$${CAGE_MEMORY:-$$(bash lib/engine/default memory)}" \
		--pids-limit "$$CAGE_PIDS" \
		-- "$$CAGE_CONTAINER" >/dev/null

ENGINE_ASKED = "$$CAGE_ENGINE" info --format '$(AS_ENGINE)' >$(S)/engine/info 2>/dev/null
#: Stop if another engine answers than the one that the cage is on
engine-known:
	$(Q)$(ENGINE_ASKED)
	$(Q)bash lib/engine/same

#: Ask the engine for its id, memory, processors and seccomp profile, and for features that it lacks
engine-seen: seen | $(FOLDERS) .history
	$(Q)$(ENGINE_ASKED)
	$(Q)bash lib/engine/same
	$(Q)bash lib/engine/lacks

#: Keep the commands that make the containers, for later verbs to compare
flags: seen
	$(Q)$(when) 'cage missing' bash lib/engine/flags >$(S)/engine/flags || true
	$(Q)[ ! -s $(S)/engine/flags ] || mv $(S)/engine/flags .history/flags

#: Make the containers anew and start them; a new home gets credentials and dotfiles again
recreated: up
	$(Q)$(if $(only_shown),,[ ! -e $(S)/engine/home-is-new ] ||) $(MAKE) homed

#: The credentials and the dotfiles are in the new home
homed: credentials
	$(Q)rm -f $(S)/engine/home-is-new
	$(Q)$(if $(filter yes,$(CAGE_AGENT_HOME)),$(MAKE) settings-laid)
	$(Q)$(if $(CAGE_DOTFILES_REPO),$(MAKE) dotfiled)

#: Remove the containers once the images for new ones are there
replaceable: images unclaimed
	$(Q)$(MAKE) removed

#: Remove all containers that have this cage's labels
removed: seen
	$(Q)"$$CAGE_ENGINE" ps --all $(OURS) --quiet >$(S)/engine/ours
	$(Q)[ ! -s $(S)/engine/ours ] || xargs $(heard) "$$CAGE_ENGINE" rm --force -- <$(S)/engine/ours >/dev/null
	$(Q)rm -f .history/guard .history/containers .history/placeholders $(S)/export/stopped

# A session's caller went away (lib/run/session): its client does, too, but passes no signal on.
#: End the programs of the call CAGE_CALL inside by CAGE_SIGNAL, ten seconds at most
ended:
	$(Q)$(within) 10 "$$CAGE_ENGINE" exec \
		-- "$$CAGE_CONTAINER" /bin/sh -c "$$(cat lib/run/end-inside)" sh "$$CAGE_CALL" "$$CAGE_SIGNAL"

# ---- The helper

# A helper gets the options of the verb and the limits of an export.
HELPER_ENV := $(addprefix CAGE_,NAME TAKE FORCE SKIP_REFUSED INCLUDE_IGNORED PATHS REF ALL_REFS REFLOGS \
	KEEP_GIT SEEDED IMPORTED PARENT TREE IDENT LIMIT_FILE LIMIT_TOTAL LIMIT_ENTRIES LIMIT_DEPTH LIMIT_PATH)
HELPER = bash lib/export/informed $(heard) $(fitted) "$$CAGE_ENGINE" run \
	--cap-drop ALL \
	$(addprefix --env ,$(HELPER_ENV)) \
	$(NO_PROXIES) \
	--interactive \
	$(LABELS) \
	--log-driver none \
	--memory 4g \
	--name "$$CAGE_HELPER" \
	--network none \
	--pids-limit 128 \
	--read-only \
	--rm \
	--security-opt no-new-privileges \
	$(SECCOMP) \
	--tmpfs /run/j:size=256m,mode=1777

# $(READING) judge VERB: the helper's container starts while the host clone is listed; then the cage is paused, and the
# question goes in. The helper reads everything and writes nothing. DAC_READ_SEARCH would be enough, but with it the
# seccomp profile allows open_by_handle_at, which opens every file of the host.
READING = bash lib/export/asked $(PAUSE) | $(READER)
READER = $(HELPER) \
	--cap-add DAC_OVERRIDE \
	--mount "$(FROM_VOLUME),dst=/project,readonly" \
	--user 0:0 \
	-- "$$(cat $(S)/image/used-guard-image)"

PAUSE = "$$CAGE_ENGINE" pause -- "$$CAGE_CONTAINER"
RESUME = $(Q)bash lib/run/resume "$$CAGE_ENGINE" unpause -- "$$CAGE_CONTAINER"

#: Let a cage go on that was paused or stopped to be read; the last step of a verb, after a failure too
goes-on:
	$(RESUME)
	$(Q)$(if $(only_shown),,[ ! -e $(S)/export/stopped ] ||) $(MAKE) started-again

#: Start a cage that was stopped to be read
started-again:
	$(call say,START,$$CAGE_NAME)
	$(Q)$(MAKE) up

#: Remove a helper that a kill left behind
helper-gone: seen
	$(Q)$(unless) 'helper missing' "$$CAGE_ENGINE" rm --force -- "$$CAGE_HELPER" >/dev/null 2>&1 || true
	$(Q)$(unless) 'helper missing' bash lib/run/gone "$$CAGE_ENGINE" container inspect -- "$$CAGE_HELPER"

#: Without a freezer the engine can't pause: the cage is stopped instead, if its user agrees, and started again
readable: seen
	$(Q)bash lib/export/can-be-read || $(ask) \
		"The engine can't pause cage '$$CAGE_NAME'. Stop it, and start it again afterwards? Its programs end."
	$(Q)$(if $(only_shown),,bash lib/export/can-be-read ||) $(MAKE) halted

#: Stop the cage to be read; goes-on starts it again
halted:
	$(call say,STOP,$$CAGE_NAME)
	$(Q): >$(S)/export/stopped
	$(Q)$(heard) "$$CAGE_ENGINE" stop --time 3 -- "$$CAGE_CONTAINER" >/dev/null
	$(Q)bash lib/engine/now 'cage (running|cut-off)' 'cage stopped'

.PHONY: attachable container ended engine-known engine-seen fallen flags goes-on halted helper-gone homed killed kills \
	limited notice readable recreated removed replaceable seen settled started started-again stopped up
