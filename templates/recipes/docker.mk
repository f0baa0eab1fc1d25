# Facts of Docker alone: formats of its answers, words of its client, flags that other engines lack.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# For the other files:
#   AS_STATE, AS_NAMES      an inspect of containers, for lib/engine/facts; a listing of their names
#   AS_IMAGE, AS_VOLUME     an inspect of images: id, names; of volumes: name, labels
#   AS_NETWORK              an inspect of the network: '1|false' is ours, with no traffic between cages
#   AS_ENGINE               facts of the engine, then a line for each bound that it can't keep
#   FROM_VOLUME             a mount begins with it: the project's volume; with .NAME after it another, such as .home
#   KEPT_SHORT              container logs end at 1 MB
#   ISOLATED                a network with no traffic between its containers

FROM_VOLUME = volume-label=$(CAGE_LABEL_ENV),volume-label=$(CAGE_LABEL_HOME),type=volume,src=$(CAGE_CONTAINER)
KEPT_SHORT := --log-driver local --log-opt max-size=1m
ISOLATED := --opt com.docker.network.bridge.enable_icc=false

# Words of its client, as regular expressions: no such object; the engine is away; a cage is paused or stopped already;
# a kernel without a freezer.
export CAGE_SAYS_MISSING := no such container
export CAGE_SAYS_AWAY := cannot connect
export CAGE_SAYS_STILL := is already paused|is not running
export CAGE_SAYS_NO_PAUSE := freezer not supported|cgroups not configured

labels := {{index .Config.Labels "trusty-cage.env"}}|{{index .Config.Labels "trusty-cage.home"}}
made_from := {{with index .Config.Labels "trusty-cage.image"}}{{.}}{{else}}{{.Config.Image}}{{end}}
bounds := {{.HostConfig.Memory}}|{{.HostConfig.NanoCpus}}|{{.HostConfig.PidsLimit}}
AS_STATE := {{.Name}}|{{.State.Status}}|{{.State.StartedAt}}|$(made_from)|{{.Image}}|$(labels)|$(bounds)
AS_NAMES := {{.Names}}
AS_VOLUME := {{.Name}}|{{index .Labels "trusty-cage.env"}}|{{index .Labels "trusty-cage.home"}}
AS_NETWORK := {{index .Labels "trusty-cage.shared"}}|{{index .Options "com.docker.network.bridge.enable_icc"}}
AS_IMAGE := {{.Id}}{{range .RepoTags}} {{.}}{{end}}
# Memory, processors, security options.
AS_ENGINE := {{.MemTotal}}|{{.NCPU}}{{range .SecurityOptions}}|{{.}}{{end}} \
	{{- if not .MemoryLimit}}{{"\n"}}memory{{end}} {{- if not .SwapLimit}}{{"\n"}}swap{{end}} \
	{{- if not .PidsLimit}}{{"\n"}}pids{{end}} {{- if not .CPUCfsQuota}}{{"\n"}}cpus{{end}} \
	{{- if eq .CgroupDriver "none"}}{{"\n"}}pause{{end}}

#: Say it if the engine can't be reached; asked where something failed
reached: | $(FOLDERS)
	$(Q)"$$CAGE_ENGINE" version >/dev/null 2>$(S)/engine/reached.err \
		|| $(failed)/engine <$(S)/engine/reached.err || true

.PHONY: reached
