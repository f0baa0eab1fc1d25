# The network: one for all cages, and a guard with packet rules for each; ports that lead into the cage.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# For the other files:
#   FORWARD     ssh that listens for forward; its sockets in the guard (on a tmpfs) begin with $at

# Docker Hub's names, as aliases of the guard: on the cage's network they resolve to the cage itself.
DOCKER_HUB := docker.io index.docker.io registry-1.docker.io auth.docker.io registry.docker.io hub.docker.com \
	login.docker.com production.cloudflare.docker.com production.cloudfront.docker.com

# Ports of the cage on 127.0.0.1 of the machine that the engine runs on, and nowhere else: those of the setting 'ports',
# unless you name others here or in local.mk. PORTS := 8000 3000:8080 has 127.0.0.1:8000 lead to port 8000 in the cage,
# and 127.0.0.1:3000 to port 8080 in the cage. The program in the cage has to listen on 0.0.0.0, not on 127.0.0.1.
# Applied by 'make recreate'; 'make -n guard' shows it.
comma := ,
PORTS = $(subst $(comma), ,$(CAGE_PORTS))
export CAGE_PUBLISHED = $(PORTS)
PORTS_PUBLISHED = $(foreach port,$(PORTS),$(if $(findstring :,$(port)),$(port),$(port):$(port)))
PORTS_INSIDE = $(foreach port,$(PORTS),$(lastword $(subst :, ,$(port))))

#: Stop before anything is made if PORTS has a bad number, or names a port of this machine twice
ports:
	$(Q)bash lib/engine/ports
create recreate rebuild-image: ports

# forward opens ports of this machine without making anything anew. ssh listens on this machine's loopback; in the
# guard, at the other end of a pipe of the engine's, guard/forward connects to the cage's ports. Nobody else reaches
# that end, so no password is asked there. One exec serves all connections: to begin one for each takes far longer.
FORWARD = env SHELL=/bin/bash ssh -F /dev/null -N -T -l forward \
	-o BatchMode=yes \
	-o ControlPath=none \
	-o ExitOnForwardFailure=yes \
	-o GlobalKnownHostsFile=/dev/null \
	-o IdentityAgent=none \
	-o IdentityFile=none \
	-o LocalCommand='exec bash lib/forward/opened' \
	-o LogLevel=ERROR \
	-o PermitLocalCommand=yes \
	-o ProxyCommand="\"\$$CAGE_ENGINE\" exec \
		--env CAGE_FORWARD \
		--interactive \
		--user forward \
		-- $$(<.history/guard) forward $$at" \
	-o StrictHostKeyChecking=no \
	-o UserKnownHostsFile=/dev/null \
	$$(bash lib/forward/listeners $$at) \
	-- "$$CAGE_CONTAINER"

#: Stop before anything is opened if a port to forward is none, or is taken on this machine
forwardable:
	$(Q)bash lib/forward/ports

#: Ask the engine which container has port CAGE_PORT of its machine
port-seen: | $(FOLDERS)
	$(Q)$(within) 10 "$$CAGE_ENGINE" ps --filter "publish=$$CAGE_PORT" --format '$(AS_HOLDER)' >$(S)/engine/port

#: Make the guard, unless it is there. A cage has no NET_ADMIN, so root in it can't change the rules
guard: seen network guard-image engine-seen
	$(Q)$(when) 'guard missing' bash lib/run/or-make half-made $(fitted) "$$CAGE_ENGINE" run \
		--cap-add NET_ADMIN \
		--cap-drop ALL \
		--detach \
		--env "CAGE_PORTS_INSIDE=$(PORTS_INSIDE)" \
		$(NO_PROXIES) \
		--hostname cage \
		--init \
		$(LABELS) \
		--label "trusty-cage.image=$$(cat $(S)/image/used-guard-image)" \
		$(KEPT_SHORT) \
		--memory 128m \
		--memory-swap 128m \
		--name $(GUARD) \
		--network trusty-cage \
		$(addprefix --network-alias ,$(DOCKER_HUB)) \
		--pids-limit 64 \
		$(addprefix --publish 127.0.0.1:,$(PORTS_PUBLISHED)) \
		--restart no \
		--security-opt no-new-privileges \
		$(SECCOMP) \
		--stop-signal SIGKILL \
		-- "$$(cat $(S)/image/id-guard-image)" policy run >/dev/null
	$(Q)$(when) 'guard missing' bash lib/engine/now 'guard missing' 'guard running'

#: Remove a guard that was made but not started, since a port is taken: its name would block the next try
half-made:
	$(Q)"$$CAGE_ENGINE" ps $(OURS) \
		--filter "name=$$(cat .history/guard)" \
		--filter status=created \
		--quiet >$(S)/engine/ours
	$(Q)[ ! -s $(S)/engine/ours ] || xargs $(heard) "$$CAGE_ENGINE" rm --force -- <$(S)/engine/ours >/dev/null
	$(Q)$(failed)/guard

#: Start the guard, unless it runs
guarded: seen
	$(Q)$(unless) 'guard running' "$$CAGE_ENGINE" start -- $(GUARD) >/dev/null 2>$(S)/engine/half-made.err \
		|| $(failed)/guard

#: Load the rules with the current addresses of this machine and the engine's, and verify that the kernel holds them
policy: seen machine guarded
	$(Q)bash lib/engine/host-addresses >$(S)/engine/host-addresses
	$(Q)cat $(S)/engine/host-addresses $(S)/engine/machine \
		| "$$CAGE_ENGINE" exec --interactive -- $(GUARD) policy apply "$$CAGE_NETWORK" >$(S)/engine/policy \
		|| $(failed)/policy
	$(Q)$(when) '$(GUARD_BEGINS)' bash lib/engine/uncounted

# The engine may run on another machine than this one: in a virtual one on macOS, or elsewhere. A container on that
# machine's own network tells its addresses, which are closed to the cage. They are asked again when the guard starts,
# since the machine may be in another network by then. A resolver on the machine itself (stub) hides its servers from
# there; a container of the bridge sees them.
GUARD_BEGINS := (guard (missing|stopped)|cage cut-off)
ASK_MACHINE = bash lib/engine/ask-machine $(fitted) "$$CAGE_ENGINE" run \
	--cap-drop ALL \
	$(NO_PROXIES) \
	$(LABELS) \
	--log-driver none \
	--memory 128m \
	--name "$$CAGE_MACHINE" \
	--pids-limit 32 \
	--read-only \
	--rm \
	--security-opt no-new-privileges \
	$(SECCOMP) \
	--user 1000:1000
TELLS = -- "$$(cat $(S)/image/used-guard-image)" machine

#: Ask the engine's machine for its addresses, unless they are known
machine: seen machine-gone
	$(Q)[ -s $(S)/engine/machine ] || $(ASK_MACHINE) --network host --add-host host-gateway:host-gateway $(TELLS)
	$(Q)[ -s $(S)/engine/machine ] || ! grep -q host-gateway $(S)/engine/machine.err \
		|| $(ASK_MACHINE) --network host $(TELLS)
	$(Q)[ -s $(S)/engine/machine ] || ! grep -qx stub $(S)/engine/machine.new \
		|| $(ASK_MACHINE) --network bridge $(TELLS) servers
	$(Q)[ -s $(S)/engine/machine ] || bash lib/engine/machine

#: Forget the addresses if the guard starts anew, and remove a container that a kill left behind
machine-gone: seen
	$(Q)rm -f $(S)/engine/machine.new
	$(Q)$(when) '$(GUARD_BEGINS)' rm -f $(S)/engine/machine
	$(Q)$(unless) 'machine missing' "$$CAGE_ENGINE" rm --force -- "$$CAGE_MACHINE" >/dev/null 2>&1 || true

#: The guard's name, found by its labels if the file was lost
.history/guard: | $(FOLDERS) .history
	$(Q)bash lib/engine/answer 30 $(S)/engine/names "$$CAGE_ENGINE" ps \
		--all \
		--filter "label=$$CAGE_LABEL_ENV" \
		--format '$(AS_NAMES)'
	$(Q)bash lib/engine/guard-name >$(S)/engine/guard-name
	$(Q)mv $(S)/engine/guard-name $@

#: One network for all cages: the engine's default address pools end at about thirty
network: seen network-seen
	$(Q)$(if $(only_shown),,grep -q . $(S)/engine/network ||) CAGE_LOCK=../../.network $(lock) $(MAKE) network-there
	$(Q)bash lib/engine/network

NETWORK_SEEN = "$$CAGE_ENGINE" network inspect --format '$(AS_NETWORK)' \
	-- trusty-cage >$(S)/engine/network 2>/dev/null
#: Ask the engine for the network
network-seen: | $(FOLDERS)
	$(Q)$(NETWORK_SEEN) || true

# The lock is that of all cages of this TRUSTY_CAGE_HOME; another home may make the network meanwhile.
#: Make the network, unless another cage just did
network-there:
	$(Q)$(NETWORK_SEEN) || "$$CAGE_ENGINE" network create \
		--label trusty-cage.shared=1 \
		$(ISOLATED) \
		-- trusty-cage >/dev/null 2>$(S)/engine/network.err || $(NETWORK_SEEN) || $(failed)/network

.PHONY: forwardable guard guarded half-made machine machine-gone network network-seen network-there policy port-seen \
	ports
