# The images, the cage's and the guard's: contexts, names, builds, the base image.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

# An image's name holds the hash of its build context: the same recipe gives the same image, built once for all cages.
IMAGES := image guard-image
$(IMAGES): images

# Build arguments are given by name; the engine takes the values from the environment, so that no command line shows a
# proxy's password. Engines keep proxies out of 'docker history', too. All are given: the client's own stay out.
proxies = $(addprefix --build-arg ,$(PROXIES) $(addsuffix =,$(OTHER_PROXIES)))
from_settings = $(addprefix --build-arg CAGE_,BASE_IMAGE PYTHON_VERSION SHELL IMAGE AGENTS PACKAGES) $(proxies) \
	$(foreach arg,$(BUILD_ARGS),--build-arg '$(arg)')
for_guard = --build-arg CAGE_BASE_IMAGE $(proxies) \
	$(foreach arg,$(filter APT_MIRROR=%,$(BUILD_ARGS)),--build-arg '$(arg)')
export CAGE_BUILD_ARGS = $(BUILD_ARGS)

# rebuild-image has --no-cache here.
CACHE :=
# buildx adds a record of each build (provenance); with containerd's image store the same image then has a new id each
# time.
export BUILDX_NO_DEFAULT_ATTESTATIONS := 1
# A docker-container builder hands its image to the engine only with --load, a flag that only buildx has.
LOADED = $$("$$CAGE_ENGINE" build --help 2>/dev/null | grep -o -m 1 -e ' --load ')

#: Build those of the two images that are missing
images: images-seen
	$(Q)$(if $(only_shown),$(MAKE) $(addprefix build-,$(IMAGES)),[ ! -s $(S)/image/unbuilt ] || $(MAKE) built)

#: Build the missing images side by side, and look again
built:
	$(Q)$(MAKE) $(side_by_side) $$(cat $(S)/image/unbuilt)
	$(Q)$(MAKE) images-seen

#: Ask the engine for the ids of both images; containers are made from ids, since 'docker ps' looks each name up
images-seen: seen tags
	$(Q)cp $(S)/image/tag-image $(S)/image/used-image
	$(Q)cp $(S)/image/tag-guard-image $(S)/image/used-guard-image
	$(Q)"$$CAGE_ENGINE" image inspect --format '$(AS_IMAGE)' \
		-- "$$(cat $(S)/image/used-image)" "$$(cat $(S)/image/used-guard-image)" >$(S)/engine/images 2>/dev/null || true
	$(Q)bash lib/image/unbuilt $(IMAGES)

#: Name both images after their contexts
tags: tag-image tag-guard-image

#: The hash of an image's build context and arguments
tag-image tag-guard-image: contexts
	$(Q)bash lib/image/context $(@:tag-%=%) | git hash-object --stdin >$(S)/image/$(@:tag-%=hash-%)
	$(Q)bash lib/image/tag $(@:tag-%=%) <$(S)/image/$(@:tag-%=hash-%) >$(S)/image/$@

#: Lay the CA bundle into the build contexts, and refuse a build argument with a password in it
contexts: | $(FOLDERS)
	$(Q)bash lib/image/ca
	$(Q)bash lib/image/build-args

# Name of an image until it is checked, this cage's own. Its id would not do: with containerd's image store buildx
# prints an id that the engine doesn't know.
UNCHECKED = "$$(cat $(S)/image/$(@:build-%=used-%)).$$CAGE_HOME_ID.$$CAGE_NAME"

build-image: RECIPE = --file Dockerfile $(from_settings) -- image
build-guard-image: RECIPE = $(for_guard) -- guard
build-guard-image: CHECK = :
build-image: CHECK = bash lib/image/check "$$CAGE_ENGINE" run \
	--entrypoint /bin/sh \
	--env CAGE_IMAGE \
	--env CAGE_PYTHON_VERSION \
	--env CAGE_SHELL \
	$(NO_PROXIES) \
	--network none \
	--rm \
	--user 1000:1000 \
	-- $(UNCHECKED) -c "$$(cat lib/image/check-inside)"

#: Build an image, check it, and give it its name
build-image build-guard-image: base
	$(call say,BUILD,$$(cat $(S)/image/$(@:build-%=used-%)))
	$(Q)$(log) bash lib/image/for-build "$$CAGE_ENGINE" build \
		--force-rm \
		--label trusty-cage.shared=1 \
		--tag $(UNCHECKED) \
		$(LOADED) $(CACHE) $(RECIPE) || $(failed)/build $@ $$?
	$(Q)$(CHECK) || ! "$$CAGE_ENGINE" image rm --no-prune -- $(UNCHECKED) >/dev/null
	$(Q)"$$CAGE_ENGINE" tag -- $(UNCHECKED) "$$(cat $(S)/image/$(@:build-%=used-%))"
	$(Q)"$$CAGE_ENGINE" image rm -- $(UNCHECKED) >/dev/null

#: Build the cage's image anew, whether it is there or not
rebuilt: images-seen
	$(Q)$(MAKE) build-image

#: Pull the base image if it is missing, and find a name of it that every builder takes
base: | $(FOLDERS)
	$(Q)"$$CAGE_ENGINE" image inspect --format '$(AS_IMAGE)' -- "$$CAGE_BASE_IMAGE" \
		>$(S)/engine/base-image 2>/dev/null \
		|| $(log) "$$CAGE_ENGINE" pull -- "$$CAGE_BASE_IMAGE" \
		|| $(die) 1 "base image '$$CAGE_BASE_IMAGE' can't be pulled" 'Make one from a package mirror: @base-image@'
	$(Q)bash lib/image/base <$(S)/engine/base-image >$(S)/image/base

#: Make a root file system by debootstrap and import it
base-imported: | $(FOLDERS)
	$(Q)bash lib/image/mirror >$(S)/image/mirror
	$(Q)[ "$$(id -u)" = 0 ] || sudo true
	$(Q)set -o pipefail; $(log) bash lib/image/rootfs 3>&1 \
		| "$$CAGE_ENGINE" import - "$$(bash lib/image/base-name)" >/dev/null

.PHONY: base base-imported build-guard-image build-image built contexts guard-image image images images-seen rebuilt \
	tag-guard-image tag-image tags
