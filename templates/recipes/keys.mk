# Keys: the gate has them, a container beside the cage; sessions get placeholders, and its address for the vendor's.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# A program of the cage speaks plain HTTP with the gate, on a loopback that only the two and the guard have. The gate
# puts the key in the place of the placeholder, and speaks TLS with the vendor (gate/gate.cfg). The keys come from the
# shell that calls make, by standard input, at each way in that has other ones than the gate, and lie in the gate's
# memory alone: it forgets them when it stops. A cage whose user has no key has no gate.

#: Compare the keys of this shell with those of the gate, and make placeholders for new ones
keys-seen: seen | $(FOLDERS)
	$(Q)bash lib/keys/seen

# Root in the cage is not root in here: other processes, files and memory. A tmpfs can be swapped out, so the gate has
# no swap. If it ends, it starts again, and answers that it has no keys.
#: Make the gate, unless it is there or there is no key; start it again if its network ended with the guard's
gate: keys-seen guarded
	$(Q)$(when) gate-wanted $(heard) $(fitted) "$$CAGE_ENGINE" run \
		--cap-drop ALL \
		--detach \
		--env "CAGE_REMEDY=$$(bash lib/keys/remedy)" \
		$(NO_PROXIES) \
		$(LABELS) \
		--label "trusty-cage.image=$$(cat $(S)/image/used-guard-image)" \
		$(KEPT_SHORT) \
		--memory 128m \
		--memory-swap 128m \
		--name $(GATE) \
		--network "container:$$(cat .history/guard)" \
		--pids-limit 32 \
		--read-only \
		--restart on-failure:3 \
		--security-opt no-new-privileges \
		$(SECCOMP) \
		--stop-signal SIGKILL \
		--tmpfs /run/gate:mode=700,uid=65534,gid=65534,size=8m \
		--ulimit core=0 \
		--user 65534:65534 \
		-- "$$(cat $(S)/image/used-guard-image)" /bin/sh -c "$$(cat gate/run)" >/dev/null 2>$(S)/engine/gate.err \
		|| $(failed)/gate
	$(Q)$(when) gate-down $(heard) $(within) 30 "$$CAGE_ENGINE" restart --time 0 \
		-- $(GATE) >/dev/null 2>$(S)/engine/gate.err || $(failed)/gate

# The session opens without them, too: all that is no call of a vendor's goes on.
#: The gate has the keys of this shell
keyed: gate
	$(Q)$(when) keys-new bash lib/keys/load $(within) 20 "$$CAGE_ENGINE" exec \
		--interactive \
		-- $(GATE) /bin/sh -c "$$(cat gate/load)" 3>&2 >/dev/null 2>$(S)/engine/gate.err || $(failed)/gate

#: Say where the keys are, and which lines of the recipes hand one in all the same; for doctor
keys-told:
	$(Q)bash lib/keys/told

.PHONY: gate keyed keys-seen keys-told
