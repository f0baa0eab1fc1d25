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

# 'make -n' shows both ways.
SHOWN = build-guard-image $(if $(CAGE_IMAGE_FROM),pull-image,build-image)
#: Build, or pull, those of the two images that are missing
images: images-seen
	$(Q)$(if $(only_shown),$(MAKE) $(SHOWN),[ ! -s $(S)/image/unbuilt ] || $(MAKE) built)

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
USED = $$(cat $(S)/image/used-image)
build-guard-image: USED = $$(cat $(S)/image/used-guard-image)
shared-image: USED = $$(cat $(S)/image/tag-image)
UNCHECKED = "$(USED).$$CAGE_HOME_ID.$$CAGE_NAME"

build-image: RECIPE = --file Dockerfile $(from_settings) -- image
build-guard-image: RECIPE = $(for_guard) -- guard
build-guard-image: CHECK = :
build-image pulled-image shared-image: CHECK = bash lib/image/check "$$CAGE_ENGINE" run \
	--cap-drop ALL \
	--entrypoint /bin/sh \
	--env CAGE_IMAGE \
	--env CAGE_PYTHON_VERSION \
	--env CAGE_SHELL \
	$(NO_PROXIES) \
	--network none \
	--rm \
	--security-opt no-new-privileges \
	$(SECCOMP) \
	--user 1000:1000 \
	-- $(UNCHECKED) -c "$$(cat lib/image/check-inside)"

#: Build an image, check it, and give it its name
build-image build-guard-image: base
	$(call say,BUILD,$(USED))
	$(Q)$(log) bash lib/image/for-build "$$CAGE_ENGINE" build \
		--force-rm \
		--label trusty-cage.shared=1 \
		--tag $(UNCHECKED) \
		$(LOADED) $(CACHE) $(RECIPE) || $(failed)/build $@ $$?
	$(Q)$(CHECK) || bash lib/run/fails "$$CAGE_ENGINE" image rm --no-prune -- $(UNCHECKED) >/dev/null
	$(Q)"$$CAGE_ENGINE" tag -- $(UNCHECKED) "$(USED)"
	$(Q)"$$CAGE_ENGINE" image rm -- $(UNCHECKED) >/dev/null

# ---- An image that somebody else has built

# The setting image_from: a registry and a name there, whose tags are hashes of recipes, each with a processor. What
# belongs to this home is in no hash: its certificates are the last layer, made here. Never the guard's image, whose
# rules decide what leaves a cage.
SHARED = $$CAGE_IMAGE_FROM:$$(cat $(S)/image/tag-shared-image)
SHARED_RECIPE = --build-arg CAGE_SHARED=yes --file Dockerfile $(from_settings) -- image
PULLED = "$$(cat $(S)/image/pulled)"

#: The hash of the recipe without this home's certificates, and the processor: the tag in the registry
tag-shared-image: contexts
	$(Q)"$$CAGE_ENGINE" version --format '$(AS_PROCESSOR)' >$(S)/engine/processor
	$(Q)bash lib/image/context shared-image | git hash-object --stdin >$(S)/image/hash-shared-image
	$(Q)bash lib/image/tag shared-image <$(S)/image/hash-shared-image >$(S)/image/$@

#: Pull the cage's image, if somebody has pushed one of this recipe; else build it
pull-image: tag-shared-image
	$(call say,PULL,$(SHARED))
	$(Q)echo pulled-image >$(S)/image/next
	$(Q)CAGE_GOES_ON=1 $(log) "$$CAGE_ENGINE" pull -- "$(SHARED)" || bash lib/image/unpulled $$? "$(SHARED)"
	$(Q)$(MAKE) $(if $(only_shown),pulled-image build-image,$$(cat $(S)/image/next))

# From here on it has its digest for a name: a tag may change meanwhile.
#: Stop if another image lies under this tag than the one that this cage saw first
pulled-known: | .history
	$(Q)"$$CAGE_ENGINE" image inspect --format '$(AS_DIGESTS)' -- "$(SHARED)" >$(S)/engine/digests
	$(Q)bash lib/image/digest "$(SHARED)" || $(MAKE) pulled-refused

#: Let go of an image that is not the one seen first
pulled-refused:
	$(Q)"$$CAGE_ENGINE" image rm -- "$(SHARED)" >/dev/null
	$(Q)false

#: Give the pulled image the name of this cage's, with the certificates of this home and checked as one that was built
pulled-image: pulled-known
	$(Q)"$$CAGE_ENGINE" tag -- $(PULLED) $(UNCHECKED)
	$(Q)$(if $(only_shown),,[ ! -s image/ca.crt ] ||) $(MAKE) certificates
	$(Q)$(CHECK) || bash lib/run/fails "$$CAGE_ENGINE" image rm --no-prune -- $(UNCHECKED) >/dev/null
	$(Q)"$$CAGE_ENGINE" tag -- $(UNCHECKED) "$(USED)"
	$(Q)"$$CAGE_ENGINE" image rm -- $(UNCHECKED) >/dev/null

# The image may have ONBUILD steps of its own: no network and no proxies for them.
#: The last layer of a pulled image: this home's certificates
certificates:
	$(call say,CA,$(USED))
	$(Q)$(log) "$$CAGE_ENGINE" build \
		$(addprefix --build-arg ,$(addsuffix =,$(PROXIES) $(OTHER_PROXIES))) \
		--build-arg "CAGE_PULLED=$$(cat $(S)/image/pulled)" \
		--file certificates.Dockerfile \
		--force-rm \
		--label trusty-cage.shared=1 \
		--network none \
		--tag $(UNCHECKED) \
		$(LOADED) -- image || $(failed)/build $@ $$?

#: Stop if there is no registry to push to, or if this home's certificates would be in the image
shareable:
	$(Q)bash lib/image/shareable

#: Build the image to be shared: Python optimised, no certificates of this home
shared-image: base tag-image tag-shared-image shareable
	$(call say,BUILD,$(SHARED))
	$(Q)$(log) bash lib/image/for-build "$$CAGE_ENGINE" build \
		--force-rm \
		--label trusty-cage.shared=1 \
		--tag $(UNCHECKED) \
		$(LOADED) $(SHARED_RECIPE) || $(failed)/build $@ $$?
	$(Q)$(CHECK) || bash lib/run/fails "$$CAGE_ENGINE" image rm --no-prune -- $(UNCHECKED) >/dev/null
	$(Q)"$$CAGE_ENGINE" tag -- $(UNCHECKED) "$(SHARED)"
	$(Q)"$$CAGE_ENGINE" image rm -- $(UNCHECKED) >/dev/null

#: Push the shared image, and keep its digest as the one that this cage has seen
image-pushed: shared-image | .history
	$(call say,PUSH,$(SHARED))
	$(Q)$(log) "$$CAGE_ENGINE" push -- "$(SHARED)" || $(die) 1 "the image can't be pushed to '$$CAGE_IMAGE_FROM'" \
		'A registry may want a login first: docker login REGISTRY' 'Then: @image-push@'
	$(Q)"$$CAGE_ENGINE" image inspect --format '$(AS_DIGESTS)' -- "$(SHARED)" >$(S)/engine/digests
	$(Q)bash lib/image/digest "$(SHARED)" own

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

.PHONY: base base-imported build-guard-image build-image built certificates contexts guard-image image image-pushed \
	images images-seen pull-image pulled-image pulled-known pulled-refused rebuilt shareable shared-image \
	tag-guard-image tag-image tag-shared-image tags
