# Making a cage: clone, check out, seed, dotfiles, credentials.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

# While containers are made, each step waits for the object it needs; everyday verbs expect them there.
ifneq (,$(filter created recreated homed,$(MAKECMDGOALS)))
export CAGE_MISSING := ok
guarded: guard
machine: guard-image engine-seen
up: container .history/base
credentials: $(if $(CAGE_DOTFILES_REPO),.history/dotfiles)
# What nobody waits for yet leaves the machine to what the guard waits for.
flags: | images network
uncommitted: | guard
endif

created: repo/.git/index credentials uncommitted
	$(Q)touch .history/created

# A local repository may come from anywhere: no FIFO, device or bottomless file of its is opened.
LOCAL = "$${CAGE_REPO_URL$(pound)file://}"
SOUND = [ ! -d $(LOCAL) ] || { bash lib/create/local $(LOCAL) && { [ ! -s $(S)/includes ] \
	|| bash lib/run/time-limit 20 $(GIT) -C $(LOCAL) config --list >/dev/null 2>&1 || [ $$? != 124 ] \
	|| $(die) 1 'a file that the settings of the repository include is one that git would read without end'; }; }

# With all its history and remotes. The work tree comes later, so that seeding need not wait for it.
repo: | $(S) .history
	$(call say,CLONE,$$CAGE_REPO_URL)
	$(Q)$(SOUND)
	$(Q)rm -rf $(S)/incoming
	$(Q)set -o pipefail; $(GIT) $(FSCK) clone $$([ ! -t 2 ] || echo --progress) --no-checkout --template= \
		$${CAGE_BRANCH:+--branch "$$CAGE_BRANCH"} -- "$$CAGE_REPO_URL" $(S)/incoming 2>&1 | bash lib/run/progress >&2 \
		|| $(die) 1 "'$$CAGE_REPO_URL' can't be cloned" \
		'git says why, above. Try again: @create@' 'Or give this cage up: @destroy@'
	$(Q)set -o pipefail; [ ! -d "$$CAGE_REPO_URL" ] \
		|| ! url=$$($(GIT) -C "$$CAGE_REPO_URL" config --get remote.origin.url | bash lib/create/origin) \
		|| $(GIT) -C $(S)/incoming config remote.origin.url "$$url"
	$(Q)mv $(S)/incoming repo

# A local repository hands on its own origin, above; what is not committed there stays there. It is counted by way of a
# git folder of our own, since the repository's settings may name programs; a filter of its user's would run among its
# files. An index knows by its own time what it must look at again, so it keeps that.
NOT_LOCAL = [ ! -e "$$CAGE_REPO_URL/.git" ]
THERE = cd -- "$$CAGE_REPO_URL" && $(GIT) rev-parse --git-path
uncommitted: | repo
	$(Q)$(NOT_LOCAL) || { $(SOUND); }
	$(Q)$(NOT_LOCAL) || { rm -rf $(S)/count.git && $(GIT) init --quiet --bare --template= $(SAME_FORMAT) $(S)/count.git; }
	$(Q)$(NOT_LOCAL) || ! $(GIT) -C "$$CAGE_REPO_URL" rev-parse --quiet --verify HEAD >$(S)/head 2>/dev/null \
		|| mv $(S)/head $(S)/count.git/HEAD
	$(Q)$(NOT_LOCAL) || { into=$$PWD/$(S)/count.git; mkdir -p "$$into/info"; index=$$($(THERE) index); exclude=$$($(THERE) info/exclude); \
		cd -- "$$CAGE_REPO_URL" && { cp -p -- "$$index" "$${index%/*}"/sharedindex.* "$$into"; cp -- "$$exclude" "$$into/info"; }; } \
		2>/dev/null || true
	$(Q)$(NOT_LOCAL) || $(GIT) -C "$$CAGE_REPO_URL" config --null --get-regexp \
		'^core\.(filemode|autocrlf|eol|symlinks|ignorecase)$$' | while IFS= read -r -d '' it; do \
		$(GIT) --git-dir=$(S)/count.git config "$${it%%$$'\n'*}" "$${it#*$$'\n'}"; done
	$(Q)$(NOT_LOCAL) || ! list=$$($(GIT) -C "$$CAGE_REPO_URL" config --type=path --get core.excludesFile 2>/dev/null) \
		|| [ ! -f "$$list" ] || { head -c 1048576 -- "$$list" >$(S)/count.git/excludes \
		&& $(GIT) --git-dir=$(S)/count.git config core.excludesFile "$$PWD/$(S)/count.git/excludes"; }
	$(Q)$(NOT_LOCAL) || { bash lib/create/local "$$CAGE_REPO_URL" tree && GIT_CONFIG_GLOBAL=/dev/null \
		GIT_CONFIG_NOSYSTEM=1 GIT_OBJECT_DIRECTORY="$$PWD/repo/.git/objects" \
		bash lib/run/time-limit 20 $(GIT) --git-dir=$(S)/count.git --work-tree="$$CAGE_REPO_URL" \
		status --porcelain --ignore-submodules=all 2>/dev/null || echo '?'; } | bash lib/create/uncommitted

# The index is written last: while there is none, the check-out never finished.
repo/.git/index: | repo
	$(Q)rm -f repo/.git/index.lock $(S)/unlaid
	$(Q)! $(IN_CLONE) rev-parse --quiet --verify HEAD >/dev/null \
		|| $(IN_CLONE) checkout --quiet --force 2>$(S)/checkout.err || bash lib/failed/checkout

# A git folder that borrows the clone's objects overrules export-ignore without touching the clone.
archive: | repo seen
	$(Q)[ -e .history/base ] || ! grep -q '^cage was-started' $(S)/seen \
		|| $(die) 1 'the cage has run, but .history/base is gone' 'Bring it back, or: @destroy@'
	$(Q)$(HELPER_GONE)
	$(Q)rm -rf $(S)/archive.git && $(GIT) init --quiet --bare --template= $(SAME_FORMAT) $(S)/archive.git
	$(Q)mkdir -p $(S)/archive.git/info && echo '* -export-ignore -export-subst' >$(S)/archive.git/info/attributes
	$(Q)[ -e .history/base ] || $(IN_CLONE) rev-parse --quiet --verify 'HEAD^{commit}' >.history/seeded \
		|| $(IN_CLONE) hash-object -t tree /dev/null >.history/seeded

# All files of HEAD.
.history/base: | archive guard-image unclaimed engine-seen
	$(Q)$(call said,SEED,$$CAGE_NAME); set -o pipefail; GIT_OBJECT_DIRECTORY="$$PWD/repo/.git/objects" \
		$(GIT) --git-dir=$(S)/archive.git -c tar.umask=0022 archive --format=tar "$$(cat .history/seeded)" \
		| $(HELPER) --user 1000:1000 --mount "$(VOLUME),dst=/project" -- "$$(cat $(S)/guard-image)" seed 2>$(S)/helper.err \
		| tar -C .history -xf - --no-same-owner imported base.seeded 2>/dev/null || bash lib/failed/helper create
	$(Q)cp .history/base.seeded $(S)/base && mv $(S)/base $@ && rm -f .history/seeding

# Nothing is made under a name that somebody else's volume has.
unclaimed: seen
	$(Q)"$$CAGE_ENGINE" volume inspect --format '$(AS_VOLUME)' -- "$$CAGE_VOLUME" "$$CAGE_HOME_VOLUME" \
		2>/dev/null | bash lib/engine/volumes

# Cloned on the host and freed of what could be a credential; a failing install script stops nothing.
.history/dotfiles: | up
	$(call say,DOTFILES,$$CAGE_DOTFILES_REPO)
	$(Q)[ ! -d "$$CAGE_DOTFILES_REPO" ] || bash lib/create/local "$$CAGE_DOTFILES_REPO"
	$(Q)rm -rf $(S)/dotfiles && set -o pipefail && $(GIT) clone --quiet --depth 1 --template= \
		-- "$$CAGE_DOTFILES_REPO" $(S)/dotfiles \
		2>&1 | bash lib/run/progress >&2 || $(die) 1 "the dotfiles '$$CAGE_DOTFILES_REPO' can't be cloned" 'Try again: @create@'
	$(Q)bash lib/create/strip-dotfiles $(S)/dotfiles
	$(Q)set -o pipefail; tar -C $(S)/dotfiles -cf - . | "$$CAGE_ENGINE" exec --interactive -- "$$CAGE_CONTAINER" \
		/bin/sh -c 'mkdir -p ~/.dotfiles && tar -C ~/.dotfiles -xf -' >/dev/null 2>&1
	$(Q)set -o pipefail; "$$CAGE_ENGINE" exec -- "$$CAGE_CONTAINER" /bin/sh -c "$$(cat lib/create/dotfiles-inside)" 2>&1 \
		| { head -c 65536; cat >/dev/null; } >$(S)/dotfiles.out || bash lib/failed/dotfiles <$(S)/dotfiles.out
	$(Q)touch $@

credentials: up
	$(Q)[ "$$CAGE_AUTH_MODE" != subscription ] || { key=$$(bash lib/create/credentials) || exit 1; printf '%s\n' "$$key" | "$$CAGE_ENGINE" \
		exec -i -- "$$CAGE_CONTAINER" /bin/sh -c 'umask 077; cd && mkdir -p "$${1%/*}" && rm -f -- "$$1" && cat >"$$1"' sh \
		"$$(bash lib/agent credentials)" >/dev/null 2>&1 || $(die) 1 'the credentials could not be written into the cage'; }
	$(Q)bash lib/create/key

.PHONY: archive created credentials unclaimed uncommitted
