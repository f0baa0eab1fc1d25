# This file is yours alone: read last, written once, never touched again. Examples, to be uncommented:

# A setting of this cage, stronger than the Makefile's.
# export CAGE_TMUX_PREFIX := C-b

# Commands before or after a verb, with two colons, so that there may be several.
# pre-attach::
# 	@date >>attached.log
# post-export::
# 	@git -C repo status --short

# A target of your own: 'make logs', 'tc make NAME logs', and a line of 'make help'.
# logs: ## Show the guard's output
# 	$(Q)"$$CAGE_ENGINE" logs -- $(GUARD)
