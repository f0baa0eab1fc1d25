# Facts of Docker alone: formats of its answers, words of its client, flags that other engines lack.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# For the other files:
#   AS_STATE, AS_NAMES      an inspect of containers, for lib/engine/facts; a listing of their names and homes
#   AS_IMAGE, AS_VOLUME     an inspect of images: id, names; of volumes: name, labels
#   AS_DIGESTS              an inspect of an image: its names in registries, by digest
#   AS_PROCESSOR            the processor that the engine is on
#   AS_VOLUME_NAMES         a listing of volumes: name, home
#   AS_HOLDER               a listing of containers with a published port: cage, name
#   AS_NETWORK              an inspect of the network: shared=1 is ours; between=false, no traffic between cages
#   AS_ENGINE               facts of the engine: its id, memory, processors, security options, limits that it lacks
#   FROM_VOLUME             a mount begins with it: the project's volume; with .NAME after it another, such as .home
#   KEPT_SHORT              container logs end at 1 MB
#   ISOLATED                a network with no traffic between its containers
#   PROXIES, OTHER_PROXIES  variables that the client sets by its settings: those that a build gets from here; others
#   NO_PROXIES              flags that empty them all

FROM_VOLUME = volume-label=$(CAGE_LABEL_ENV),volume-label=$(CAGE_LABEL_HOME),type=volume,src=$(CAGE_CONTAINER)
KEPT_SHORT := --log-driver local --log-opt max-size=1m
ISOLATED := --opt com.docker.network.bridge.enable_icc=false

# The client adds the proxies of its settings (config.json), passwords and all, to each container and each build, unless
# their names are given.
PROXIES := http_proxy HTTP_PROXY https_proxy HTTPS_PROXY no_proxy NO_PROXY
OTHER_PROXIES := ftp_proxy FTP_PROXY all_proxy ALL_PROXY
NO_PROXIES := $(patsubst %,--env %=,$(PROXIES) $(OTHER_PROXIES))

# Words of its client, as regular expressions: no such object; the engine is away; a cage is paused or stopped already;
# a kernel without a freezer.
export CAGE_SAYS_MISSING := no such container
export CAGE_SAYS_AWAY := cannot connect
export CAGE_SAYS_STILL := is already paused|is not running
export CAGE_SAYS_NO_PAUSE := freezer not supported|cgroups not configured

# An answer is lines of name=value, with a blank line after each object; lib/engine/objects.bash reads it. No value can
# bring a line of its own: an agent chooses none of them, names have no line breaks, labels and images are the recipes'.
# Somebody who labels a container of theirs has the engine, and could as well label it as ours.
# $(then) breaks the line between two values, $(done) ends an object with the blank line.
then := {{- "\n" -}}
done := {{- "\n"}}
label_of = {{index $(1) "trusty-cage.$(2)"}}
made_from := {{with index .Config.Labels "trusty-cage.image"}}{{.}}{{else}}{{.Config.Image}}{{end}}

AS_STATE := container={{.Name}} $(then) \
	id={{.Id}} $(then) \
	status={{.State.Status}} $(then) \
	started={{.State.StartedAt}} $(then) \
	exit={{.State.ExitCode}} $(then) \
	entrypoint={{if .Config.Entrypoint}}yes{{end}} $(then) \
	image=$(made_from) $(then) \
	image_id={{.Image}} $(then) \
	cage=$(call label_of,.Config.Labels,env) $(then) \
	home=$(call label_of,.Config.Labels,home) $(then) \
	memory={{.HostConfig.Memory}} $(then) \
	cpus={{.HostConfig.NanoCpus}} $(then) \
	pids={{.HostConfig.PidsLimit}} $(done)

# Listings of all homes: a name that another home's cage has is refused. Their formats take \n for a line break.
AS_NAMES := container={{.Names}}\nhome={{.Label "trusty-cage.home"}}\n
AS_HOLDER := cage={{.Label "trusty-cage.env"}}\ncontainer={{.Names}}\n
AS_VOLUME_NAMES := volume={{.Name}}\nhome={{.Label "trusty-cage.home"}}\n

AS_VOLUME := volume={{.Name}} $(then) \
	cage=$(call label_of,.Labels,env) $(then) \
	home=$(call label_of,.Labels,home) $(done)

AS_NETWORK := shared=$(call label_of,.Labels,shared) $(then) \
	between={{index .Options "com.docker.network.bridge.enable_icc"}} $(done)

AS_IMAGE := id={{.Id}} $(then) \
	tags={{range .RepoTags}} {{.}}{{end}} $(done)

AS_DIGESTS := digests={{range .RepoDigests}} {{.}}{{end}} $(done)

AS_PROCESSOR := processor={{.Server.Arch}}

AS_ENGINE := engine={{.ID}} $(then) \
	machine={{.Name}} $(then) \
	context={{.ClientInfo.Context}} $(then) \
	memory={{.MemTotal}} $(then) \
	cpus={{.NCPU}} $(then) \
	security={{range .SecurityOptions}} {{.}}{{end}} $(then) \
	lacks={{if not .MemoryLimit}} memory{{end}} \
	{{- if not .SwapLimit}} swap{{end}} \
	{{- if not .PidsLimit}} pids{{end}} \
	{{- if not .CPUCfsQuota}} cpus{{end}} \
	{{- if eq .CgroupDriver "none"}} pause{{end}}

#: Say it if the engine can't be reached; asked where something failed
reached: | $(FOLDERS)
	$(Q)"$$CAGE_ENGINE" version >/dev/null 2>$(S)/engine/reached.err \
		|| $(failed)/engine <$(S)/engine/reached.err || true

.PHONY: reached
