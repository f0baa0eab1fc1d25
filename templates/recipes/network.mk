# The network: shared by all cages, and a guard with packet rules for each.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

# Names that lead nowhere: on the cage's network they are the cage itself.
DOCKER_HUB := docker.io index.docker.io registry-1.docker.io auth.docker.io registry.docker.io hub.docker.com \
	login.docker.com production.cloudflare.docker.com production.cloudfront.docker.com

# One network for all cages: the engine's default address pools end at about thirty.
network: seen network-seen
	$(Q)$(if $(only_shown),,grep -q . $(S)/network ||) CAGE_LOCK=../../.network $(lock) $(MAKE) network-there
	$(Q)! grep -q . $(S)/network || grep -qx '1|false' $(S)/network || $(die) 1 "network 'trusty-cage' is somebody else's"

NETWORK_SEEN = "$$CAGE_ENGINE" network inspect --format '$(AS_NETWORK)' -- trusty-cage >$(S)/network 2>/dev/null
network-seen: | $(S)
	$(Q)$(NETWORK_SEEN) || true

network-there:
	$(Q)$(NETWORK_SEEN) || "$$CAGE_ENGINE" network create --label trusty-cage.shared=1 \
		--opt com.docker.network.bridge.enable_icc=false -- trusty-cage >/dev/null

# Found by its label where the file was lost.
.history/guard: | $(S) .history
	$(Q){ bash lib/run/time-limit 30 "$$CAGE_ENGINE" ps $(OURS) --format '$(AS_NAMES)' && echo end; } >$(S)/ours 2>$(S)/ours.err \
		|| [ $$? != 124 ] || { $(silent); exit 1; }
	$(Q)bash lib/engine/guard-name >$(S)/guard && mv $(S)/guard $@

# Owns the network namespace and its rules. A cage never has NET_ADMIN, so root inside can't touch them.
guard: seen network guard-image engine-seen
	$(Q)! grep -q '^guard missing' $(S)/seen || { "$$CAGE_ENGINE" run --detach --name $(GUARD) $(LABELS) \
		--hostname cage \
		--network trusty-cage $(addprefix --network-alias ,$(DOCKER_HUB)) \
		--cap-drop ALL --cap-add NET_ADMIN --security-opt no-new-privileges $(SECCOMP) \
		$(call bound,memory,--memory 128m) $(call bound,swap,--memory-swap 128m) $(call bound,pids,--pids-limit 64) \
		--restart no --stop-signal SIGKILL $(KEPT_SHORT) \
		-- "$$(sed -n 2p $(S)/ids)" policy run >/dev/null \
		&& echo $(PROTOCOL) >.history/protocol && echo 'guard running' >>$(S)/seen; }

guarded: seen
	$(Q)grep -q '^guard running' $(S)/seen || "$$CAGE_ENGINE" start -- $(GUARD) >/dev/null || $(unstarted)

# Apply the rules afresh, with this side's addresses of now, and verify that the kernel holds them.
policy: seen machine guarded
	$(Q)set -o pipefail; { cat $(S)/machine && bash lib/engine/host-addresses; } | "$$CAGE_ENGINE" exec --interactive -- $(GUARD) \
		policy apply "$$CAGE_NETWORK" >$(S)/policy \
		|| { rm -f $(S)/machine; $(die) 1 'the network policy could not be verified, so nothing was opened'; }
	$(Q)! grep -qx uncounted $(S)/policy || $(GUARD_GOES_ON) || $(tell) \
		"The engine's kernel can't count connections, so nothing bounds how many this cage holds open." >&2

# The engine may run on another machine than this one. Its addresses are asked there whenever the guard begins anew, and
# kept until then. A resolver on that machine itself (stub) hides whom it asks: a container of the bridge is told.
GUARD_GOES_ON = ! grep -Eq '^(guard (missing|stopped)|cage cut-off)' $(S)/seen
MACHINE_KNOWN = [ -s $(S)/machine ] && $(GUARD_GOES_ON)
MACHINE = "$$CAGE_ENGINE" run --rm --name "$$CAGE_MACHINE" $(LABELS) --cap-drop ALL \
	--security-opt no-new-privileges $(SECCOMP) --read-only --user 1000:1000 \
	$(call bound,memory,--memory 128m) $(call bound,pids,--pids-limit 32) \
	--log-driver none $(1) -- "$$(cat $(S)/guard-image)" machine $(2) >>$(S)/machine.new 2>$(S)/machine.err
machine: seen
	$(Q)rm -f $(S)/machine.new; grep -q '^machine missing' $(S)/seen \
		|| "$$CAGE_ENGINE" rm --force -- "$$CAGE_MACHINE" >/dev/null 2>&1 || true
	$(Q)$(MACHINE_KNOWN) || $(call MACHINE,--network host --add-host host-gateway:host-gateway) \
		|| ! grep -q host-gateway $(S)/machine.err || $(call MACHINE,--network host)
	$(Q)$(MACHINE_KNOWN) || ! grep -qx stub $(S)/machine.new || $(call MACHINE,--network bridge,servers) || true
	$(Q)$(MACHINE_KNOWN) || { grep -qx end $(S)/machine.new && mv $(S)/machine.new $(S)/machine; } || bash lib/failed/machine

.PHONY: guard guarded machine network network-seen network-there policy
