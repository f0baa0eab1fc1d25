# Facts that only this engine knows: the formats of its answers.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

# What an inspect says of a container, for lib/engine/facts.
labels := {{index .Config.Labels "trusty-cage.env"}}|{{index .Config.Labels "trusty-cage.home"}}
made_from := {{with index .Config.Labels "trusty-cage.image"}}{{.}}{{else}}{{.Config.Image}}{{end}}
AS_STATE := {{.Name}}|{{.State.Status}}|{{.State.StartedAt}}|$(made_from)|{{.Image}}|$(labels)|{{.HostConfig.Memory}}|{{.HostConfig.NanoCpus}}|{{.HostConfig.PidsLimit}}
AS_NAMES := {{.Names}}
AS_VOLUME := {{.Name}}|{{index .Labels "trusty-cage.env"}}|{{index .Labels "trusty-cage.home"}}

# What an inspect says of the shared network: '1|false' is ours, with no traffic between cages.
AS_NETWORK := {{index .Labels "trusty-cage.shared"}}|{{index .Options "com.docker.network.bridge.enable_icc"}}
AS_ID := {{.Id}}
# A line of facts, then one for each thing that it can't do.
AS_ENGINE := {{.MemTotal}}{{range .SecurityOptions}}|{{.}}{{end}} \
	{{- if not .MemoryLimit}}{{"\n"}}memory{{end}} {{- if not .SwapLimit}}{{"\n"}}swap{{end}} \
	{{- if not .PidsLimit}}{{"\n"}}pids{{end}} {{- if not .CPUCfsQuota}}{{"\n"}}cpus{{end}} \
	{{- if eq .CgroupDriver "none"}}{{"\n"}}pause{{end}}
AS_CPUS := {{.NCPU}}
