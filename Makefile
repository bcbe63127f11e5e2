# Two commands: make rehearse, make test. Both set everything up, once.

ENV ?= dev
PYTHON ?= python3
# Modules are compiled when they are first imported: a third of the installed modules.
unexport PYTHONDONTWRITEBYTECODE
# What a target needs: only development needs tests/requirements.txt.
REQUIREMENTS := requirements.txt $(if $(filter-out rehearse setup tools lab help,$(MAKECMDGOALS)),tests/requirements.txt)
# An active virtual or conda environment that has these versions and this checkout is used as it is.
ifndef VENV
ACTIVE := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX))
ifneq ($(ACTIVE),$(CURDIR)/.venv)
VENV := $(if $(ACTIVE),$(shell "$(ACTIVE)/bin/python" -m nbrelease.requirements_check $(REQUIREMENTS) >/dev/null 2>&1 && echo "$(ACTIVE)"))
endif
ifeq ($(VENV),)
VENV := .venv
else
INSTALLED := yes
endif
endif
BIN := $(VENV)/bin
# The environment is identified by content, not by time: a fresh checkout installs nothing again.
CONTENT := $(shell cat requirements.txt pyproject.toml packages/*/pyproject.toml lab/labextension/sources.sha256 | cksum | cut -d' ' -f1)
TESTS_INSTALLED = $(VENV)/.tests-installed-$(shell cksum < tests/requirements.txt | cut -d' ' -f1)
DISTRIBUTIONS := packages/child-processes packages/azureml-local packages/pipelines-local .

.PHONY: rehearse test tests workspace-tests drills newcomer conformance setup tests-setup tools lint typecheck browser chromium lab labextension docs schema lock help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

rehearse: setup ## rehearse the dev release here: make rehearse [ENV=dev] [TRAINING_DATA=file.csv] [ARGS="--set name=value"]
	@exec "$(BIN)/nbrelease" rehearse $(ENV) --follow-parent \
		$(if $(TRAINING_DATA),--set training_data="$(TRAINING_DATA)") \
		$(ARGS)

# Files go to the workers in the order of tests/conftest.py. A make that a test runs gets no flags of this one.
# One thread for each library: several would wait for each other on busy processors.
PYTEST := env -u MAKEFLAGS -u MFLAGS OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -p no:nbval --dist loadfile --no-loadscope-reorder --durations=10 $(TEST_OPTIONS)
# $(call run_tests,OPTIONS): with RERUN=1, failed tests run a second time, in new processes: a process
# has one workspace, and what the first run left in it could fail the second.
run_tests = $(PYTEST) $(1)$(if $(RERUN), || { [ $$? = 1 ] && $(PYTEST) --last-failed --last-failed-no-failures none $(1); })

# More processes than processors: a test that waits leaves one to the others.
test: tests-setup lint ## everything that CI runs: all but the drills
	@$(MAKE) --no-print-directory --keep-going -j2 tests typecheck workspace-tests

tests: tests-setup
	@$(call run_tests,-n 3 -m "not drill" --ignore tests/functional/azureml_local)

# The SDK and azureml-mlflow read the cloud's description once, while they are imported: the tests that
# lead their own process to a local workspace have processes of their own. Their report is printed at
# their end.
workspace-tests: tests-setup
	@mkdir -p test-results; log=test-results/workspace-tests.log; code=0; \
	{ $(call run_tests,-o cache_dir=.pytest_cache/workspace-tests -m "not drill" tests/functional/azureml_local); } >"$$log" 2>&1 || code=$$?; \
	cat "$$log"; exit $$code

drills: tests-setup ## the long tests: faults in a rollout, a server killed and under load, editors
	@$(PYTEST) -n 3 -m drill tests/e2e tests/browser tests/functional/nbrelease
	@$(PYTEST) -n 3 -m drill tests/functional/azureml_local

conformance: tests-setup ## Microsoft's tests of azure-ai-ml against a local workspace, 20 minutes: make conformance [FOLDER=component], or its examples: EXAMPLES=checkout
	@"$(BIN)/python" tests/conformance/$(if $(EXAMPLES),examples.py "$(EXAMPLES)",run.py $(FOLDER))

newcomer: ## the README's commands as another user, in a folder with spaces, with a read-only home folder
	@tests/newcomer.sh

browser: tests-setup ## the browser tests alone; pictures of the pages go to test-results/screenshots
	@"$(BIN)/python" -m pytest tests/browser

# Where it is missing, out of Debian's or Ubuntu's archive; the font is for the Japanese pages.
chromium: ## the browser for the browser tests, and for nbrelease evidence pdf
	@if command -v chromium chromium-browser google-chrome >/dev/null; then command -v chromium chromium-browser google-chrome | head -n 1; \
	elif command -v apt-get >/dev/null; then \
		as=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as apt-get update -qq && $$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core fonts-ipafont-gothic >/dev/null; \
	else echo "no apt-get here: install Chromium, Chrome or Edge by hand" >&2; exit 1; fi

lint: setup
	@"$(BIN)/ruff" check
	@"$(BIN)/ruff" format --check

typecheck: tests-setup
	@"$(BIN)/mypy"

# uv installs in seconds. pip takes two seconds to install uv, so a copy of uv is kept for the next
# virtual environment. Where uv cannot be installed or cannot reach the packages, pip does the same.
UV_PIN := $(shell grep '^uv==' requirements.txt || echo uv)
KEPT_UV = "$${XDG_CACHE_HOME:-$$HOME/.cache}/nbrelease/$(UV_PIN)-$$(uname -s)-$$(uname -m)"
kept_uv_runs = $(KEPT_UV)/uv --version >/dev/null 2>&1
UV = "$$(command -v uv || { $(kept_uv_runs) && echo $(KEPT_UV)/uv; } || echo "$(BIN)/uv")"
keep_uv = { mkdir -p $(KEPT_UV) && cp "$(BIN)/uv" $(KEPT_UV)/$$$$ && mv $(KEPT_UV)/$$$$ $(KEPT_UV)/uv; } 2>/dev/null \
	|| rm -f $(KEPT_UV)/$$$$
install_uv = command -v uv >/dev/null || $(kept_uv_runs) \
	|| { { "$(PYTHON)" -m pip --python "$(BIN)/python" install $(QUIET) "$(UV_PIN)" 2>"$(VENV)/uv.log" \
		|| { "$(BIN)/python" -m ensurepip && "$(BIN)/python" -m pip install $(QUIET) "$(UV_PIN)"; } >>"$(VENV)/uv.log" 2>&1; } \
		&& { $(keep_uv); }; } \
	|| echo "uv cannot be installed; pip takes a minute or two"
# A read-only home folder has no cache.
NO_CACHE = $$(test -w "$$HOME" || test -n "$$UV_CACHE_DIR" || echo --no-cache)
install = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$PIP_INDEX_URL}" $(UV) $(NO_CACHE) pip install --quiet --python "$(BIN)/python" $(1) 2>"$(VENV)/uv.log" \
	|| { "$(BIN)/python" -m ensurepip >/dev/null && "$(BIN)/python" -m pip install $(QUIET) $(1); }
QUIET := --quiet --disable-pip-version-check

# Python 3.11 reads its path files in the locale's encoding: with LC_ALL=C it cannot read non-ASCII paths.
relative_paths = test "$(VENV)" != "$(notdir $(VENV))" || for file in "$(VENV)"/lib/python3*/site-packages/_editable_impl_*.pth; do \
	read -r path <"$$file" || test -n "$$path"; \
	case "$$path" in "$$PWD"/*) printf '../../../../%s' "$${path\#"$$PWD"/}" >"$$file" ;; esac; done

ifdef INSTALLED
setup tests-setup:
else
ifneq ($(filter /%,$(firstword $(VENV))),)
# A rehearsal's jobs work in copies of the checkout, with the environment that started it.
setup:
	@test -e "$(VENV)/.installed-$(CONTENT)" || ! ls "$(VENV)"/.installed-* >/dev/null 2>&1 \
		|| { echo "$(VENV) is older than its requirements or a pyproject.toml; run in its own checkout: make setup" >&2; exit 2; }
tests-setup: setup
	@"$(BIN)/python" -m nbrelease.requirements_check tests/requirements.txt
else
setup: $(VENV)/.installed-$(CONTENT) ## the virtual environment with the pinned versions

$(VENV)/.installed-$(CONTENT):
	@echo "Setting up $(VENV)"
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"nbrelease needs Python 3.11 or later; this is {v[0]}.{v[1]}. Give another: make PYTHON=python3.12")'
	@"$(PYTHON)" -m venv --without-pip "$(VENV)"
	@$(install_uv)
	@$(call install,pip --requirement requirements.txt)
	@$(call install,--no-deps --no-build-isolation $(DISTRIBUTIONS:%=--editable ./%))
	@$(relative_paths)
	@rm -f "$(VENV)"/.installed-* "$(VENV)"/.tests-installed-*
	@touch $@

tests-setup: setup ## setup, and the packages of the tests
	@test -e "$(TESTS_INSTALLED)" || { echo "Installing the packages of the tests"; \
		$(call install,--requirement requirements.txt --requirement tests/requirements.txt); } && touch "$(TESTS_INSTALLED)"
endif
endif

tools:
	@cd "$(BIN)" && pwd

lab: setup ## JupyterLab with a local workspace behind it
	@! git rev-parse --git-dir >/dev/null 2>&1 || "$(BIN)/nbrelease" doctor --git --fix || true
	@"$(BIN)/azureml-local" run --data .azureml-local -- "$(BIN)/jupyter" lab

# The bundle is committed: npm is only needed to change it.
labextension: setup ## build the JupyterLab extension of lab/ (needs npm)
	@cd lab && npm ci --silent && npm run --silent lint
	@cd lab && JUPYTERLAB_STAGING="$$("$(abspath $(BIN))/python" -c 'import jupyterlab; print(f"{jupyterlab.__path__[0]}/staging")')" \
		npm run --silent build
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .

docs: tests-setup ## the docs site in dist/docs, with pictures from a rehearsal
	@$(call install,--requirement docs/requirements.txt)
	@"$(BIN)/python" docs/scripts/images.py
	@"$(BIN)/mkdocs" build --quiet --strict
	@echo "dist/docs/index.html"

schema: setup ## write the JSON Schema of record.json and its reference from the models
	@"$(BIN)/python" -m nbrelease.records.schema docs

lock: ## write requirements.txt from what is installed and tested
	@macos="$$(grep "sys_platform == 'darwin'" requirements.txt)"; \
	{ echo "# The one set of versions that is tested, for Python 3.11 to 3.14. Made by: make lock"; \
	{ echo "$$macos"; "$(BIN)/python" -m pip freeze --exclude-editable; } | sed "s/^uvloop==[^;]*/&; sys_platform != 'win32'/" \
		| grep -v '^pip==' | grep -vxFf tests/requirements.txt | sort --ignore-case; } > "$(VENV)/lock.txt"
	@mv "$(VENV)/lock.txt" requirements.txt
