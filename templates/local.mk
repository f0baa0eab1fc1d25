# Yours alone: read last, written once, never touched again. One of each, to be uncommented:

# A setting of this cage, stronger than the Makefile's.
# export CAGE_TMUX_PREFIX := C-b

# A target of your own: 'tc make NAME logs' or 'make logs', and a line of 'make help'.
# logs: ## Show what the guard said
# 	$(Q)"$$CAGE_ENGINE" logs -- "$$CAGE_GUARD"
