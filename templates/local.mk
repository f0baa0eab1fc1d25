# Yours alone: read last, written once, never touched again. One of each, to be uncommented:

# A setting of this cage, stronger than the Makefile's.
# export CAGE_TMUX_PREFIX := C-b

# What runs before or after a verb: two colons, so that there may be several.
# pre-attach::
# 	@date >>attached.log
# post-export::
# 	@git -C repo status --short

# A target of your own: 'make logs', 'tc make NAME logs', and a line of 'make help'.
# logs: ## Show what the guard said
# 	$(Q)"$$CAGE_ENGINE" logs -- $(GUARD)
