# Making a cage: clone, check out, seed, dotfiles, credentials, in that order. Uncommitted work comes in by changes.mk.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# For the other files:
#   LOCAL, IN_LOCAL  the folder of a local repository; git in it
#   if_work_tree     only if the repository is a folder here with a work tree

# The file of a destroyed cage whose recipes were brought back from the trash: what could not leave it.
KEPT_BEFORE := .history/destroyed/kept.tar
# While containers are made, each step waits for the object it needs; everyday verbs expect them there.
ifneq (,$(filter created recreated homed,$(MAKECMDGOALS)))
export CAGE_MISSING := ok
guarded: guard
machine: guard-image engine-seen
started: container $(if $(wildcard $(KEPT_BEFORE)),.history/laid,.history/base)
# These start after the guard's chain, which is the longest.
flags: | images network
index-copied: | guard
endif

create auth: credentials-there

#: Stop early if a subscription's credentials are missing
credentials-there:
	$(Q)[ "$$CAGE_AUTH_MODE" != subscription ] || bash lib/create/credentials >/dev/null

#: All parts of a cage. Dotfiles come after that: whatever becomes of them, the cage opens
created: origin repo/.git/index credentials $(if $(HAS_CHANGES),,uncommitted)
	$(Q)touch .history/created
	$(Q)$(if $(filter yes,$(CAGE_AGENT_HOME)),$(MAKE) settings-laid)
	$(Q)$(if $(CAGE_DOTFILES_REPO),$(MAKE) dotfiled)

#: Refuse a local repository with a FIFO, a device or an endless file in it: git would hang
sound: | $(FOLDERS)
	$(Q)$(if_local) bash lib/create/local $(LOCAL)
	$(Q)$(if_includes) $(within) 20 $(IN_LOCAL) config --list >/dev/null 2>&1 || [ $$? != 124 ] || $(die) 1 \
		"the repository's settings include a file that git would read without end" \
		'Nothing was cloned. Take its include.path lines out of its .git/config.'

LOCAL = "$${CAGE_REPO_URL$(pound)file://}"
# Git with its git folder named: for a repository of another user git itself asks for safe.directory, once, to clone it.
IN_LOCAL = $(GIT) --git-dir="$$(bash lib/create/where git-folder)"
# $(if_local) COMMAND …: if the repository is a folder here; if it has a work tree; if its settings include other files.
if_local := bash lib/create/where local
if_work_tree := bash lib/create/where work-tree
if_includes := bash lib/create/where includes

# A partial clone knows the remote that promised the objects that it lacks: that is its origin in most cases.
#: If the repository is a partial clone here: the settings that the host clone gets from it
promised: | $(FOLDERS) sound
	$(Q)$(if_local) $(IN_LOCAL) config \
		--null \
		--get-regexp '^remote\..*\.(promisor|partialclonefilter)$$' >$(S)/clone/partial || true
	$(Q)bash lib/create/promised >$(S)/clone/promised

# All commits and branches come along. The work tree comes later, so that seeding need not wait for it.
#: Clone the repository; from one that borrows objects of another they are copied
repo: | $(FOLDERS) .history sound promised .history/guard name-free
	$(call say,CLONE,$$CAGE_REPO_URL)
	$(Q)rm -rf $(S)/clone/incoming
	$(Q)bash lib/run/progress $(S)/clone/words $(GIT) $(FSCK) clone \
		$(if $(FROM_REF),,$${CAGE_BRANCH:+--branch "$$CAGE_BRANCH"}) \
		$$(cat $(S)/clone/promised) \
		--dissociate \
		--no-checkout \
		--origin origin \
		--quiet \
		$$([ ! -t 2 ] || echo --progress) \
		--template= \
		-- "$$CAGE_REPO_URL" $(S)/clone/incoming || $(failed)/clone
	$(Q)$(MAKE) head-sound head-whole
	$(Q)mv $(S)/clone/incoming repo

# A pull request is no branch: CAGE_BRANCH is its ref then, refs/pull/123/head. It is fetched onto the branch pull/123,
# which 'git pull' in the clone updates; nothing is pushed there.
FROM_REF := $(filter refs/%,$(CAGE_BRANCH))
CLONED = $(GIT) --git-dir=$(S)/clone/incoming/.git
#: The ref that CAGE_BRANCH names, on a branch of its own
ref-taken:
	$(Q)bash lib/create/ref-branch >$(S)/clone/ref-branch
	$(Q)bash lib/run/progress $(S)/clone/words $(CLONED) $(FSCK) fetch \
		--no-tags \
		--quiet \
		--update-head-ok \
		-- origin "+$$CAGE_BRANCH:refs/heads/$$(cat $(S)/clone/ref-branch)" || $(failed)/ref
	$(Q)$(CLONED) symbolic-ref HEAD "refs/heads/$$(cat $(S)/clone/ref-branch)"
	$(Q)$(CLONED) config "branch.$$(cat $(S)/clone/ref-branch).remote" origin
	$(Q)$(CLONED) config "branch.$$(cat $(S)/clone/ref-branch).merge" "$$CAGE_BRANCH"

#: The branch that HEAD names, or the only one there is; a repository without any ref makes an empty cage
head-born: $(if $(FROM_REF),ref-taken)
	$(Q)rm -f $(S)/clone/refs $(S)/clone/branch
	$(Q)$(CLONED) rev-parse --verify HEAD >/dev/null 2>&1 \
		|| $(CLONED) for-each-ref --format='%(refname)' refs/remotes/origin refs/tags >$(S)/clone/refs
	$(Q)$(CLONED) symbolic-ref --quiet HEAD >$(S)/clone/head || true
	$(Q)bash lib/create/head
	$(Q)$(if $(only_shown),,[ ! -s $(S)/clone/branch ] ||) $(MAKE) branch-taken

# Old commits may have folders with a name twice, of which a check-out, a tar and the cage would each take another.
#: Stop if a folder of HEAD has a name twice
head-sound: head-born
	$(Q)$(CLONED) ls-tree --full-tree --name-only -r -t HEAD 2>/dev/null | sort | uniq -d >$(S)/clone/twice
	$(Q)[ ! -s $(S)/clone/twice ] || $(die) 1 \
		'a folder of the commit that the cage would begin with has a name twice' \
		'Nothing was cloned. Mend it in the repository, then give this cage up: @destroy@'

#: Stop if a partial clone lacks files of the commit that the cage is to begin with
head-whole: head-born
	$(Q)[ ! -s $(S)/clone/promised ] || $(CLONED) rev-list \
		--missing=print \
		--objects 'HEAD^{tree}' 2>/dev/null | grep -c '^?' >$(S)/clone/missing || true
	$(Q)[ ! -s $(S)/clone/promised ] || bash lib/create/missing
	$(Q)[ ! -s $(S)/clone/promised ] || $(CLONED) config core.repositoryFormatVersion 1

#: HEAD names the only branch
branch-taken:
	$(Q)$(CLONED) branch \
		--quiet \
		--track \
		-- "$$(cat $(S)/clone/branch)" "refs/remotes/origin/$$(cat $(S)/clone/branch)"
	$(Q)$(CLONED) symbolic-ref HEAD "refs/heads/$$(cat $(S)/clone/branch)"

#: A local repository hands on its own origin
origin: | repo
	$(Q)$(if_local) $(IN_LOCAL) config --get remote.origin.url >$(S)/clone/origin || true
	$(Q)! url=$$(bash lib/create/origin <$(S)/clone/origin) || $(IN_CLONE) config remote.origin.url "$$url"

#: Check out the files of the clone. git writes the index last: without one, the check-out never finished
repo/.git/index: | repo
	$(Q)rm -f repo/.git/index.lock $(S)/clone/unlaid
	$(Q)! $(IN_CLONE) rev-parse HEAD >/dev/null 2>&1 || $(IN_CLONE) checkout --force --quiet 2>$(S)/clone/checkout.err \
		|| $(failed)/checkout

# ---- Seeding

#: Stop if another TRUSTY_CAGE_HOME on this engine has volumes of this name; .history/guard looks for its containers
name-free: | $(FOLDERS)
	$(Q)"$$CAGE_ENGINE" volume ls \
		--filter "label=$$CAGE_LABEL_ENV" \
		--format '$(AS_VOLUME_NAMES)' 2>/dev/null | bash lib/engine/namesakes >/dev/null

#: The names of all homes' cages on this engine, to propose one that is free
names-taken: | $(FOLDERS)
	$(Q)"$$CAGE_ENGINE" ps \
		--all \
		--filter label=trusty-cage.env \
		--format '$(AS_NAMES)' >$(S)/engine/taken
	$(Q)"$$CAGE_ENGINE" volume ls \
		--filter label=trusty-cage.env \
		--format '$(AS_VOLUME_NAMES)' >>$(S)/engine/taken

#: Stop if a volume is not this cage's, or is gone with the work in it
unclaimed: seen
	$(Q)"$$CAGE_ENGINE" volume inspect --format '$(AS_VOLUME)' -- "$$CAGE_VOLUME" "$$CAGE_HOME_VOLUME" 2>/dev/null \
		| bash lib/engine/volumes

#: The commit that the cage begins with; an empty tree if there is none
.history/seeded: | repo
	$(Q)$(IN_CLONE) rev-parse --quiet --verify 'HEAD^{commit}' >$(S)/clone/seeded \
		|| $(IN_CLONE) hash-object -t tree /dev/null >$(S)/clone/seeded
	$(Q)mv $(S)/clone/seeded $@

#: A git folder that borrows the clone's objects; its info/attributes overrule export-ignore
archive: | repo seen helper-gone .history/seeded
	$(Q)[ -e .history/base ] || $(when) 'cage was-started' $(die) 1 \
		'the cage has run, but .history/base is gone' 'Bring it back, or: @destroy@'
	$(Q)rm -rf $(S)/clone/archive.git
	$(Q)$(INIT) $(S)/clone/archive.git
	$(Q)bash lib/create/archive
	$(Q)set -o pipefail; $(GIT) --git-dir=$(S)/clone/archive.git ls-tree -r -z refs/seeded | bash lib/create/count-files

#: Fill the volume with all files of that commit, make the first commit inside, and keep the base manifest
.history/base: | archive guard-image unclaimed engine-seen $(WITH_CHANGES)
	$(call say,SEED,$$CAGE_NAME)
	$(Q)$(GIT) \
		--git-dir=$(S)/clone/archive.git \
		-c tar.umask=0022 archive \
		--format=tar refs/seeded 2>$(S)/clone/archive.err | $(HELPER) \
		--mount "$(FROM_VOLUME),dst=/project" \
		--user 1000:1000 \
		-- "$$(cat $(S)/image/used-guard-image)" seed "$$(cat $(S)/clone/count)" 2>$(S)/engine/helper.err \
		| bash lib/run/unpack $(S)/clone/answer 2>$(S)/clone/unpack.err || $(failed)/helper create
	$(Q)bash lib/create/seeded
	$(Q)$(if $(WITH_CHANGES),$(if $(only_shown),,$(if_changes)) $(MAKE) changed-inside)
	$(Q)mv $(S)/clone/base $@ && rm -f .history/seeding

#: Lay in what could not leave the destroyed cage
.history/laid: | .history/base
	$(Q)set -o pipefail; $(HELPER) \
		--mount "$(FROM_VOLUME),dst=/project" \
		--user 1000:1000 \
		-- "$$(cat $(S)/image/used-guard-image)" lay <$(KEPT_BEFORE) 2>$(S)/engine/helper.err >$(S)/clone/laid \
		|| $(failed)/helper create
	$(Q)mv $(S)/clone/laid $@
	$(Q)bash lib/create/laid <$@

# ---- Dotfiles and credentials

#: The dotfiles are in the running cage, as far as they could be; credentials again, if a script has moved their folder
dotfiled: stripped-dotfiles
	$(Q)tar -C $(S)/clone/dotfiles -cf - . | "$$CAGE_ENGINE" exec \
		--interactive \
		-- "$$CAGE_CONTAINER" /bin/sh -c "$$(cat lib/create/unpack-inside)" sh .dotfiles \
		"$$(bash lib/run/count $(S)/clone/dotfiles)" >/dev/null 2>$(S)/engine/dotfiles.err || $(failed)/dotfiles
	$(call say,INSTALL,~/.dotfiles; a script has $$CAGE_DOTFILES_LIMIT seconds)
	$(Q)bash lib/create/install-dotfiles "$$CAGE_ENGINE" exec \
		--interactive \
		-- "$$CAGE_CONTAINER" /bin/sh -c "$$(cd lib/create && cat dotfiles-way dotfiles-run dotfiles-inside)" sh \
		"$$CAGE_DOTFILES_LIMIT"
	$(Q)touch .history/dotfiles
	$(Q)[ "$$CAGE_AUTH_MODE" != subscription ] || $(MAKE) credentials-copied

#: The dotfiles' clone with its submodules, without credentials; in the place of git folders are empty ones
stripped-dotfiles: cloned-dotfiles
	$(Q)bash lib/run/progress $(S)/clone/words env GIT_ALLOW_PROTOCOL=git:http:https:ssh $(GIT) \
		-C $(S)/clone/dotfiles submodule \
		--quiet update \
		--depth 1 \
		--init \
		--recursive || $(tell) 'warning: not all submodules of the dotfiles could be cloned' >&2
	$(Q)bash lib/create/strip-dotfiles $(S)/clone/dotfiles

#: The dotfiles' clone on the host
cloned-dotfiles: | $(FOLDERS)
	$(call say,DOTFILES,$$CAGE_DOTFILES_REPO)
	$(Q)[ ! -d "$$CAGE_DOTFILES_REPO" ] || bash lib/create/local "$$CAGE_DOTFILES_REPO"
	$(Q)rm -rf $(S)/clone/dotfiles
	$(Q)bash lib/run/progress $(S)/clone/words $(GIT) clone \
		$$([ -d "$$CAGE_DOTFILES_REPO" ] || echo --depth=1) \
		--quiet \
		--template= \
		-- "$$CAGE_DOTFILES_REPO" $(S)/clone/dotfiles \
		|| $(die) 1 "the dotfiles '$$CAGE_DOTFILES_REPO' can't be cloned" 'Try again: @dotfiles@'

#: Copy the subscription's credentials into the home; the author of commits; warn if the key is not set
credentials: up
	$(Q)[ "$$CAGE_AUTH_MODE" != subscription ] || $(MAKE) credentials-copied
	$(Q)[ "$$CAGE_GIT_IDENTITY" != host ] && [ ! -e .history/identity ] || $(MAKE) identified
	$(Q)bash lib/create/key

# git's settings for all repositories, and nothing but these two of them; with git_identity=no the cage's own come back.
IDENTITY = $(GIT) --git-dir=/dev/null config --null --get-regexp '^user\.(name|email)$$'
#: The author of commits inside
identified: | $(FOLDERS)
	$(Q)$(IDENTITY) 2>/dev/null | bash lib/create/identity >$(S)/clone/identity
	$(Q)[ ! -s $(S)/clone/identity ] || $(within) 20 "$$CAGE_ENGINE" exec \
		--interactive \
		-- "$$CAGE_CONTAINER" /bin/sh -c "$$(cat lib/create/identity-inside)" \
		<$(S)/clone/identity >/dev/null 2>&1 \
		|| $(tell) "warning: the author of commits could not be set in the project's git. Try again: @auth@" >&2
	$(Q)rm -f .history/identity; [ "$$CAGE_GIT_IDENTITY" != host ] || touch .history/identity

# The host's files go into a helper, which has the JSON parser, and no network; the cage gets what that lets through.
#: The agents' own settings, as far as lib/agent-home lists them, in the home
settings-laid: up helper-gone guard-image
	$(Q)set -o pipefail; bash lib/create/agent-home | $(HELPER) \
		--user 1000:1000 \
		-- "$$(cat $(S)/image/used-guard-image)" python3 -I -c "$$(cat lib/create/agent-home.py)" \
		2>$(S)/engine/helper.err >$(S)/clone/agent-home.tar || $(failed)/helper agent-home
	$(Q). lib/plain.bash; plain <$(S)/engine/helper.err >&2
	$(Q)$(within) 60 "$$CAGE_ENGINE" exec \
		--interactive \
		-- "$$CAGE_CONTAINER" /bin/sh -c "$$(cat lib/create/agent-home-inside)" \
		<$(S)/clone/agent-home.tar >/dev/null 2>&1 \
		|| $(die) 1 "the agent's settings could not be laid into the cage" 'Try again: @agent-home@'

# No error of this is kept: a program of the agent's could repeat the credentials in it.
#: The agent's file of credentials, in the home, or one of the same form with a placeholder (lib/create/credentials)
credentials-copied:
	$(Q)bash lib/create/credentials | "$$CAGE_ENGINE" exec \
		--interactive \
		-- "$$CAGE_CONTAINER" /bin/sh -c "$$(cat lib/create/write-inside)" sh "$$(bash lib/agent credentials)" \
		>/dev/null 2>&1 || $(die) 1 'the credentials could not be written into the cage' 'Try again: @auth@'
	$(Q)bash lib/keys/login keep

.PHONY: archive branch-taken cloned-dotfiles created credentials credentials-copied credentials-there dotfiled \
	head-born head-sound head-whole identified name-free names-taken origin promised ref-taken settings-laid \
	sound stripped-dotfiles unclaimed
