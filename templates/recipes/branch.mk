# Work as commits: the cage's state, or the agent's own commits, on a branch of the host clone.
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.

# What a helper must know to make commits.
COMMIT = set -a; CAGE_PARENT="$$(cat $(S)/parent 2>/dev/null)" CAGE_TREE="$$(cat $(S)/seeded-tree 2>/dev/null)" \
	CAGE_SEEDED="$$(cat .history/seeded)" CAGE_IMPORTED="$$(cat .history/imported)" CAGE_IDENT="$$(cat $(S)/ident 2>/dev/null)"; set +a;

# What a recipe fetches lies here. 'url.ssh://x.insteadOf' in git's settings would have another program get it.
FROM_HERE = GIT_ALLOW_PROTOCOL=file

# The cage's state, or (CAGE_TO=commits) the agent's own commits, on a branch; work tree and HEAD stay as they are.
branched: incoming
	$(Q)cmp -s $(S)/old $(S)/new || $(FROM_HERE) $(IN_CLONE) $(CHECKED) fetch --quiet --no-tags \
		--no-write-fetch-head -- "$$PWD/$(S)/incoming.git" "refs/heads/work:refs/heads/$$(cat $(S)/branch)" \
		2>$(S)/fetch.err || bash lib/failed/branch
	$(Q)bash lib/export/close-branch

# Made in a git folder that borrows the clone's objects; the fetch above checks them whole before the clone has them.
# A commit that changes nothing is news among the agent's own, and none as the cage's state. fast-import looks through a
# whole folder for each name that comes: a million in one folder, a small tree, would be hours.
IMPORT_SECONDS := 600
LANDS = $(if $(filter commits,$(value CAGE_TO)),commit,tree)
incoming: question
	$(Q)$(IN_CLONE) ls-tree -r -z --full-tree HEAD >$(S)/question/head 2>/dev/null || : >$(S)/question/head
	$(Q)cp .history/base.seeded $(S)/question/base && printf '%s\n' "$${CAGE_AS:-cage/$$CAGE_NAME}" >$(S)/branch
	$(Q)$(GIT) check-ref-format --branch "$$(cat $(S)/branch)" >/dev/null || $(die) 2 'that is no name for a branch'
	$(Q)$(IN_CLONE) rev-parse --quiet --verify "refs/heads/$$(cat $(S)/branch)" >$(S)/parent \
		|| $(IN_CLONE) rev-parse --quiet --verify "$$(cat .history/seeded)^{commit}" >$(S)/parent 2>/dev/null || true
	$(Q)$(IN_CLONE) rev-parse --quiet --verify "$$(cat $(S)/parent)^{$(LANDS)}" >$(S)/old 2>/dev/null || true
	$(Q)$(IN_CLONE) rev-parse --quiet --verify "$$(cat .history/seeded)^{tree}" >$(S)/seeded-tree
	$(Q)$(IN_CLONE) var GIT_COMMITTER_IDENT >$(S)/ident 2>/dev/null \
		|| echo "trusty-cage <trusty-cage@localhost> $$(date +%s) +0000" >$(S)/ident
	$(Q)rm -rf $(S)/incoming.git && $(GIT) init --quiet --bare --template= $(SAME_FORMAT) $(S)/incoming.git
	$(Q)echo ../../../repo/.git/objects >$(S)/incoming.git/objects/info/alternates
	$(Q){ $(COMMIT) $(READING) $(if $(filter commits,$(value CAGE_TO)),commits export,judge branch) \
		| (ulimit -t $(IMPORT_SECONDS); $(GIT) --git-dir=$(S)/incoming.git fast-import --quiet --done) >$(S)/import.log 2>&1; } \
		|| $(die) 3 'the work could not be made commits, so nothing was written'
	$(Q)$(GIT) --git-dir=$(S)/incoming.git rev-parse --quiet --verify 'refs/heads/work^{$(LANDS)}' >$(S)/new 2>/dev/null \
		|| cp $(S)/old $(S)/new

.PHONY: branched incoming
