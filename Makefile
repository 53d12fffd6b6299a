# Two commands do all: `make demo` and `make test`. Each sets up .venv first. TORCH_INDEX= picks another index for torch.
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
OLDEST_PYTHON ?= $(or $(shell command -v python3.11),$(PYTHON))
TORCH := $(if $(TORCH_INDEX),PIP_INDEX_URL=$(TORCH_INDEX),)
PYPROJECTS := pyproject.toml cli/pyproject.toml benchmarks/pyproject.toml $(wildcard plugins/*/pyproject.toml)
# One thread each: two test processes share the cores, and OpenMP threads that wait for each other would not.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: demo test test-fast test-all test-shapes test-oldest test-python check docs metadata release-check setup references test-references clean

demo: .venv/.ready
	$(BIN)/valle demo --out demo

test: check test-fast

test-fast: .venv/.ready
	$(PYTEST) -n 2 --durations=10

test-all: check test-shapes .venv/.site
	$(PYTEST) -n 2 --durations=25 --planted-table -m "slow or not slow"

# The shapes in signatures, checked at run time by jaxtyping and beartype in these tests.
SUITES := $(addsuffix /tests/test_suite.py,bitnet codec-tiny dac encodec llama mamba mixtral retnet vocos)
SHAPES := $(addprefix tests/,audio codes config model sequence text training) \
	$(addprefix plugins/valle-attention-,cpu flash flex fused sdpa xformers) \
	$(addprefix plugins/valle-,losses optimizers pointer samplers tasks kit/tests/codes transformer/tests/test_backbone.py $(SUITES))
test-shapes: .venv/.ready
	$(PYTEST) -n 2 -p valle_testing.checked_shapes $(SHAPES)

check: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

# The page of contracts is written from the code, and a test compares the two; the picture is drawn from the imports.
docs: .venv/.ready
	$(BIN)/python -m valle_testing.contract_page docs/contracts.md
	$(BIN)/python docs/plugin_list.py
	$(BIN)/python docs/house.py
	$(BIN)/python docs/flow.py
	$(BIN)/python docs/layouts.py

# The documentation as a site, in site/; nothing in it is fetched from the network when it is viewed.
.PHONY: site
site: .venv/.site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "built site/; open site/index.html"

.venv/.site: .venv/.ready
	$(call pip,constraints.txt) --no-build-isolation --editable .[docs]
	touch $@

# What every distribution says of itself, copied from pyproject.toml; with VERSION=0.2.0 the version of all is raised.
metadata: .venv/.ready
	$(BIN)/python tools/release/metadata.py $(if $(VERSION),--version $(VERSION))

# Every sdist and wheel, built, looked into, installed in an empty environment and used there. They stay in dist/.
release-check: .venv-release/.ready
	PYTHONPATH=tools TORCH_INDEX=$(TORCH_INDEX) .venv-release/bin/python -m release.check

.venv-release/.ready: tools/release/requirements.txt
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

setup: .venv/.ready

# Entry points are read from installed metadata, so a changed pyproject.toml installs again.
.venv/.ready: constraints.txt requirements.txt $(PYPROJECTS)
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found. Install one, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	$(call environment,$(PYTHON),constraints.txt)

# An environment in the target's folder: by which Python, held to which versions.
define environment
	$(1) -m venv $(@D)
	$(TORCH) $(call pip,$(2)) torch
	$(call pip,$(2)) hatchling editables
	@# These two are published as source only, built in isolation: Python 3.12 has no setuptools of its own.
	$(call pip,$(2)) docopt unidic-lite
	$(call pip,$(2)) --no-build-isolation --requirement requirements.txt
	@# PESQ has no wheels. Where it cannot be compiled its checks are skipped.
	@$(call pip,$(2)) pesq >/dev/null 2>&1 || echo "note: PESQ is left out (it needs a C compiler); its checks will be skipped"
	@# The first speech would wait for it.
	@$(@D)/bin/python -m valle_kit.stepping
	touch $@
endef
pip = $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(1)

# The fast tests on the lowest versions that a pyproject.toml allows: benchmarks/results/test-oldest.md. TESTS= picks some.
test-oldest: .venv-oldest/.ready
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -n 2 --durations=10 $(TESTS)

.venv-oldest/.ready: tools/lowest_versions.py requirements.txt $(PYPROJECTS)
	mkdir -p $(@D)
	$(OLDEST_PYTHON) tools/lowest_versions.py > $(@D)/constraints.txt
	$(call environment,$(OLDEST_PYTHON),$(@D)/constraints.txt)

# The fast tests on another Python, in an environment of its own: make test-python PYTHON=python3.13. TESTS= picks some.
OTHER := .venv-$(notdir $(PYTHON))
test-python: $(OTHER)/.ready
	OMP_NUM_THREADS=1 $(OTHER)/bin/python -m pytest -n 2 --durations=10 $(TESTS)

.venv-python%/.ready: constraints.txt requirements.txt $(PYPROJECTS)
	$(call environment,$(PYTHON),constraints.txt)

# Reference implementations, on top of .venv; one that cannot be installed is named and left out.
references: .venv-references/.ready

test-references: .venv-references/.ready
	OMP_NUM_THREADS=1 .venv-references/bin/python -m pytest tests/references --continue-on-collection-errors \
		-o addopts="--import-mode=importlib -q" $(if $(TABLE),--table $(TABLE))

.venv-references/.ready: .venv/.ready references.txt tests/references/set_up.py
	$(BIN)/python tests/references/set_up.py .venv-references
	touch $@

clean:
	rm -rf .venv .venv-references .venv-oldest .venv-python3* .venv-release demo dist site
