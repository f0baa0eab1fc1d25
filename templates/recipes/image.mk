# The images: what they are built from, their names, the builds, the base image.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

# What a build may know of the settings; names only, the engine takes the values from the environment. The proxies
# are known to engines, which keep them out of an image's history.
from_settings = $(addprefix --build-arg CAGE_,BASE_IMAGE PYTHON_VERSION SHELL IMAGE AGENTS) $(proxies) \
	$(foreach arg,$(BUILD_ARGS),--build-arg '$(arg)')
for_guard = --build-arg CAGE_BASE_IMAGE $(proxies) $(foreach arg,$(filter APT_MIRROR=%,$(BUILD_ARGS)),--build-arg '$(arg)')
proxy = $(if $(value $(1))$(value $(2)),--build-arg $(1) --build-arg $(2))
proxies = $(call proxy,http_proxy,HTTP_PROXY) $(call proxy,https_proxy,HTTPS_PROXY) $(call proxy,no_proxy,NO_PROXY)
# Programs in a build read one spelling or the other, and only BuildKit gives both where one is set.
BOTH_SPELLINGS = http_proxy="$${http_proxy:-$$HTTP_PROXY}" HTTP_PROXY="$${HTTP_PROXY:-$$http_proxy}" \
	https_proxy="$${https_proxy:-$$HTTPS_PROXY}" HTTPS_PROXY="$${HTTPS_PROXY:-$$https_proxy}" \
	no_proxy="$${no_proxy:-$$NO_PROXY}" NO_PROXY="$${NO_PROXY:-$$no_proxy}"
export CAGE_BUILD_ARGS = $(BUILD_ARGS)
# A record of each build (provenance) would give the same image another id each time, where containerd keeps the images.
export BUILDX_NO_DEFAULT_ATTESTATIONS := 1
# A builder in a container of its own (docker-container) keeps an image to itself unless told. Only buildx has the
# option.
LOADED = $$(! "$$CAGE_ENGINE" build --help 2>/dev/null | grep -q -e ' --load ' || echo --load)
AS_BASE := {{.Id}}{{range .RepoTags}} {{.}}{{end}}

# An image's name holds the hash of all that it is built from: $(call tag,image), $(call tag,guard-image)
tag = "trusty-cage$(if $(filter guard-%,$(1)),-guard):$$(bash lib/image/context $(1) | git hash-object --stdin | cut -c 1-16)"

# Named after all that they are built from: same recipe, same image, built once for all cages.
IMAGES := image guard-image
$(IMAGES): images
images: named images-seen
	$(Q): >$(S)/unbuilt; [ "$$(grep -c . $(S)/ids)" = 2 ] || for image in $(IMAGES); do \
		"$$CAGE_ENGINE" image inspect -- "$$(cat $(S)/$$image)" >/dev/null 2>&1 || echo build-$$image; done >$(S)/unbuilt
	$(Q)$(if $(only_shown),$(MAKE) $(addprefix build-,$(IMAGES)),[ ! -s $(S)/unbuilt ] \
		|| { $(MAKE) $(side_by_side) $$(cat $(S)/unbuilt) && $(MAKE) images-seen; })

# Containers are made from the ids: a listing of the engine's then need not look each name up.
images-seen: tag-image tag-guard-image
	$(Q)"$$CAGE_ENGINE" image inspect --format '$(AS_ID)' -- "$$(cat $(S)/tags/image)" "$$(cat $(S)/tags/guard-image)" \
		>$(S)/ids 2>/dev/null || true

named: seen tag-image tag-guard-image
	$(Q)cp $(S)/tags/image $(S)/tags/guard-image $(S)

tag-image tag-guard-image: contexts
	$(Q)printf '%s\n' $(call tag,$(@:tag-%=%)) >$(S)/tags/$(@:tag-%=%)

contexts: | $(S)
	$(Q)mkdir -p $(S)/tags && { [ -z "$$CAGE_CA_BUNDLE" ] || bash lib/image/ca; } \
		&& { [ -z "$$CAGE_BUILD_ARGS" ] || bash lib/image/build-args; }

build-image: RECIPE = --file Dockerfile $(from_settings) -- image
build-guard-image: RECIPE = $(for_guard) -- guard
build-guard-image: CHECK = :
build-image: CHECK = "$$CAGE_ENGINE" run --rm --network none --user 1000:1000 --env CAGE_SHELL --env CAGE_IMAGE \
	--env CAGE_PYTHON_VERSION --entrypoint /bin/sh -- "$$(cat $(S)/$@.tag)" -c "$$(cat lib/image/check-inside)" \
	>$(S)/unfit 2>&1; bash lib/failed/image $$?
# Until an image is checked it has a name of this cage's own. Not its id: where containerd keeps the images, buildx
# gives one that the engine doesn't know.
build-image build-guard-image: base
	$(call say,BUILD,$$(cat $(S)/$(@:build-%=%)))
	$(Q)printf '%s\n' "$$(cat $(S)/$(@:build-%=%)).$$CAGE_HOME_ID.$$CAGE_NAME" >$(S)/$@.tag
	$(Q)export CAGE_BASE_IMAGE="$$(cat $(S)/base-image)" $(BOTH_SPELLINGS); $(log) "$$CAGE_ENGINE" build \
		--force-rm --label trusty-cage.shared=1 --tag "$$(cat $(S)/$@.tag)" $(LOADED) $(CACHE) $(RECIPE)
	$(Q)$(CHECK) || { "$$CAGE_ENGINE" image rm --no-prune -- "$$(cat $(S)/$@.tag)" >/dev/null; exit 1; }
	$(Q)"$$CAGE_ENGINE" tag -- "$$(cat $(S)/$@.tag)" "$$(cat $(S)/$(@:build-%=%))"
	$(Q)"$$CAGE_ENGINE" image rm -- "$$(cat $(S)/$@.tag)" >/dev/null

base: | $(S)
	$(Q)"$$CAGE_ENGINE" image inspect --format '$(AS_BASE)' -- "$$CAGE_BASE_IMAGE" >$(S)/base.seen 2>/dev/null \
		|| $(log) "$$CAGE_ENGINE" pull -- "$$CAGE_BASE_IMAGE" \
		|| $(die) 1 "base image '$$CAGE_BASE_IMAGE' can't be pulled" 'Make one from a package mirror: @base-image@'
	$(Q)bash lib/image/base <$(S)/base.seen >$(S)/base-image

rebuilt: named
	$(Q)$(MAKE) build-image

.PHONY: base build-guard-image build-image contexts guard-image image images images-seen named rebuilt \
	tag-guard-image tag-image
