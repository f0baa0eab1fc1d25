# Developing trusty-cage. 'make help' shows the targets, CONTRIBUTING.md the folders.
# git, make and Python are enough to begin with: each target first installs missing packages, after saying so.

SHELL := /bin/bash
.SUFFIXES:

# The index that 'publish' uploads to, a name from ~/.pypirc; 'publish-test' has the rehearsal's.
INDEX := pypi

# The bats files or folders for 'make bats'.
BATS := bats

# The machines for 'make test-machines', debian-13 or debian-testing; both if empty.
MACHINES :=

# A file for pytest's output, which 'test' prints at the end: it runs pytest beside bats, which waits for the engine.
PYTEST_TO :=

# Options of dev/bench. Without any it takes half an hour, on an idle machine.
BENCH :=

# The modules for 'make mutants'; all of dev/mutants' table if empty.
MODULES :=

##@ Everyday

demo: ## Do the main job on a real repository (DEMO_REPO=URL for another than this one)
	@bash dev/setup demo
	@bash dev/run dev/demo

test: ## Run lint, pytest and bats, against a real engine
	@bash dev/setup test
	@$(MAKE) --no-print-directory lint
	@mkdir -p build
	@$(MAKE) --no-print-directory --jobs 2 PYTEST_TO=build/pytest.log pytest bats; \
		code=$$?; [ ! -e build/pytest.log ] || cat build/pytest.log; exit $$code

test-machines: ## Set up a bare Debian 13 and testing by these targets and do the main job (MACHINES=debian-13)
	@bash dev/setup demo
	@bash dev/run bash dev/machines $(MACHINES)

lint: .venv/dev ## Check the Python, the shell, the recipes, and for tools that macOS lacks
	dev/run ruff check .
	dev/run ruff format --check .
	dev/run dev/lint-shell
	dev/run hadolint tests/rendered/*/Dockerfile tests/rendered/*/guard/Dockerfile
	dev/lint-portable
	dev/run dev/lint-recipes

pytest: .venv/dev ## Run the Python tests
	dev/run pytest --numprocesses auto --durations 10 -rs $(if $(PYTEST_TO),>$(PYTEST_TO) 2>&1)

bats: ## Run the tests of the user's commands (BATS=bats/sync.bats for one file)
	@bash dev/setup test
	dev/run dev/bats $(BATS)

mutants: .venv/dev ## Change modules in small ways and count what their tests notice (MODULES=cage/recipes/merge.py for one)
	dev/run dev/mutants $(MODULES)

bench: ## Compare with older releases and with the floor; write README's lines, dev/bench.md (BENCH='--rounds 3')
	@bash dev/setup bench
	dev/run dev/bench --readme $(BENCH)

format: .venv/dev ## Rewrite the Python in the house's form
	dev/run ruff check --fix .
	dev/run ruff format .

##@ Release

build: .venv/dev ## Make the wheel and the sdist in dist/
	rm -rf dist
	dev/run python -m build
	dev/run twine check --strict dist/*

publish: fresh build ## Upload dist/ to PyPI, with pins that were checked within 30 days
	dev/run twine upload --repository $(INDEX) dist/*

fresh: .venv/dev
	dev/run dev/bump --fresh

publish-test: ## Upload dist/ to TestPyPI
	@$(MAKE) --no-print-directory publish INDEX=testpypi

##@ Maintenance

still: ## Draw the README's picture of the three panes anew, from a cage's screen (STILL_IMAGE=full)
	@bash dev/setup test
	dev/run dev/still

clean: ## Remove what these targets made; cages, images and the engine stay
	rm -rf .venv dist build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

help: ## Show this
	@awk -f templates/lib/help.awk Makefile

.venv/dev: pyproject.toml
	@bash dev/setup lint

.DEFAULT_GOAL := help
.PHONY: bats bench build clean demo format fresh help lint mutants publish publish-test pytest still test \
	test-machines
