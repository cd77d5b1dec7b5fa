# `make demo` and `make test` need python3 (3.11 to 3.13) with venv and pip, and nothing else: they make their own
# environment in .venv first. `make help` lists the rest.

VENV   ?= .venv
# A second run keeps the interpreter of the first one unless PYTHON says otherwise.
PYTHON ?= $(or $(lastword $(shell cat "$(VENV)/.created" 2>/dev/null)),python3)
JOBS   ?= auto
ARGS   ?=

# The libraries that are audited have an environment of their own: nothing else needs them.
AUDITS := $(VENV)-audits

SOURCES := $(wildcard exactnn tests examples benchmarks proofs conftest.py)
BIN     := $(VENV)/bin/python
PIP     := "$(BIN)" -m pip install --disable-pip-version-check $(shell test -t 1 || echo --quiet)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: agreement trusted-lines demo era cooling tropex deviation audits pictures proofs test test-all lint bench format tropical-systems calibration-tools clean help

demo: $(VENV)/.installed-demo ## train or load a small classifier, then ask questions about it and check the certificates
	@echo "[demo] running examples/demo.py"
	@"$(BIN)" examples/demo.py $(ARGS)

era: $(VENV)/.installed-demo ## train small networks with ERA and other activations, a few minutes on two cores (ARGS="--quick")
	@echo "[era] running examples/era/run.py"
	@"$(BIN)" examples/era/run.py $(ARGS)

cooling: $(VENV)/.installed-demo ## train small networks with Cooling and with schedules of the learning rate, ten minutes on two cores (ARGS="--quick")
	@echo "[cooling] running examples/cooling/run.py"
	@"$(BIN)" examples/cooling/run.py $(ARGS)

tropex: $(VENV)/.installed-demo ## extract the linear terms of small networks at data points, some minutes on two cores (ARGS="--quick")
	@echo "[tropex] running examples/tropex/run.py"
	@"$(BIN)" examples/tropex/run.py $(ARGS)

deviation: $(VENV)/.installed-demo ## how far copies of networks can be off: rounded, pruned, folded, exported, a few minutes (ARGS="--quick")
	@echo "[deviation] running examples/deviation/run.py"
	@"$(BIN)" examples/deviation/run.py $(ARGS)

pictures: $(VENV)/.installed-demo ## draw the pictures of the README and the guides anew, in docs/images (ARGS="NAME ...")
	@echo "[pictures] running examples/pictures.py"
	@MPLBACKEND=agg "$(BIN)" examples/pictures.py $(ARGS)

audits: $(AUDITS)/.installed ## what passes of other libraries do to networks: fused, exported, simplified, quantised (ARGS="--quick")
	@echo "[audits] running examples/audits/run.py"
	@"$(AUDITS)/bin/python" examples/audits/run.py $(ARGS)

# One thread each for the processes: together they use all cores.
PYTEST = OMP_NUM_THREADS=1 "$(BIN)" -m pytest -n $(JOBS) --maxprocesses 4 --dist worksteal

test: $(VENV)/.installed-dev ## run the tests, some ten minutes (JOBS=4 for four processes, ARGS="-k name" to choose)
	@echo "[test] running the fast tests"
	@$(PYTEST) -m "not slow" $(ARGS)

test-all: $(VENV)/.installed-dev ## the slow tests as well, with ten times the examples (EXACTNN_EXAMPLES=1 for once)
	@echo "[test] running all tests"
	@EXACTNN_EXAMPLES="$${EXACTNN_EXAMPLES:-10}" $(PYTEST) $(ARGS)

lint: $(VENV)/.installed-dev ## style and types: ruff, mypy --strict
	@echo "[lint] ruff check"
	@"$(BIN)" -m ruff check $(SOURCES)
	@echo "[lint] ruff format --check"
	@"$(BIN)" -m ruff format --check $(SOURCES)
	@echo "[lint] mypy --strict"
	@"$(BIN)" -m mypy --strict exactnn

trusted-lines: ## count the lines of the checker that each kind of claim rests on (ARGS="--write" for docs/certificate-format.md)
	@python3 tests/trusted_lines.py $(ARGS)

bench: $(VENV)/.installed-dev ## measure speed and memory against named baselines
	@echo "[bench] running the benchmarks"
	@"$(BIN)" -m benchmarks $(ARGS)

format: $(VENV)/.installed-dev ## rewrite the sources in the house format
	@"$(BIN)" -m ruff format $(SOURCES)
	@"$(BIN)" -m ruff check --fix $(SOURCES)

calibration-tools: $(VENV)/.installed-dev ## install netcal and torchmetrics, to be compared in the benchmarks of calibration
	@echo "[calibration-tools] installing netcal and torchmetrics"
	@$(PIP) -c constraints.txt netcal==1.4.0 torchmetrics==1.9.0

proofs: $(VENV)/.installed-demo ## prove the theorems of proofs/*.py, then compile those of proofs/rocq and the checker as a program (Rocq, once Coq, with mathcomp)
	@echo "[proofs] running proofs/*.py"
	@"$(BIN)" -m proofs
	@echo "[proofs] compiling proofs/rocq"
	@$(MAKE) --no-print-directory -C proofs/rocq

agreement: $(VENV)/.installed-dev proofs ## record all certificates of the fast tests, and put them to the verified checker, too (an hour; ARGS="tests/verify" for some)
	@rm -rf out/certificates && mkdir -p out/certificates
	@echo "[agreement] running the fast tests"
	@EXACTNN_CERTIFICATES="$(CURDIR)/out/certificates" $(PYTEST) -q -m "not slow" $(ARGS)
	@echo "[agreement] asking proofs/rocq/build/check"
	@"$(BIN)" -m tests.proofs.agreement out/certificates

# Their tests are skipped where they are not installed. sudo is asked for only where it is needed and there.
tropical-systems: ## install polymake, gfan and Macaulay2 by apt-get (Debian, Ubuntu), for the tests of exported tropical forms
	@command -v apt-get >/dev/null || { \
	  echo "There is no apt-get here. Install polymake, gfan and Macaulay2 as your system does." >&2; exit 1; }
	@[ "$$(id -u)" = 0 ] || command -v sudo >/dev/null || { \
	  echo "apt-get needs to be run as root: su, then make tropical-systems." >&2; exit 1; }
	@echo "[tropical-systems] installing polymake, gfan and macaulay2 (a minute or two)"
	@$(AS_ROOT) apt-get update -qq && $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends polymake gfan macaulay2 >/dev/null
	@for program in polymake gfan M2; do command -v $$program; done
AS_ROOT = $(shell [ "$$(id -u)" = 0 ] || echo sudo)

clean: ## remove the environments, caches, builds and out/
	@if [ -e "$(VENV)/.made-by-make" ]; then \
	  echo "[clean] removing $(VENV)"; $(EMPTY_VENV) && rm -rf "$(VENV)"; fi
	@if [ -e "$(AUDITS)/.made-by-make" ]; then echo "[clean] removing $(AUDITS)"; rm -rf "$(AUDITS)"; fi
	@echo "[clean] removing caches, builds and out/"
	@rm -rf out build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find $(SOURCES) -type d -name __pycache__ -prune -exec rm -rf {} +

help: ## show this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile
	@echo "PYTHON=python3.12 chooses the interpreter, VENV=folder the place of the environment."

# --- set-up -----------------------------------------------------------------------------------------------------
# $(VENV)/.created holds the folder and the interpreter that the environment was made for. The environment is made
# anew when either differs, when its interpreter is gone, and when no installation in it ever finished.

WHOLE := $(shell [ "$$(cat "$(VENV)/.created" 2>/dev/null)" = "$$(pwd -P) $(PYTHON)" ] \
    && ls "$(VENV)"/.installed-* >/dev/null 2>&1 && "$(BIN)" -c "" 2>/dev/null && echo yes)
ifneq ($(WHOLE),yes)
.PHONY: $(VENV)/.created
endif

# The mark of whose environment this is goes last, so that a removal which was interrupted can be taken up again.
EMPTY_VENV = find "$(VENV)" -mindepth 1 -maxdepth 1 ! -name .made-by-make -exec rm -rf {} +

$(VENV)/.created:
	@command -v "$(PYTHON)" >/dev/null && "$(PYTHON)" -c "" 2>/dev/null || { \
	  echo "exactnn needs Python 3.11, 3.12 or 3.13, but there is no '$(PYTHON)' here that runs." >&2; \
	  echo "Install one, or name yours: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "exactnn needs Python 3.11, 3.12 or 3.13, but '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make environments: its modules venv and ensurepip are missing." >&2; \
	  echo "Some systems keep them in a package of their own, such as python3-venv." >&2; exit 1; }
	@[ ! -e "$(VENV)" ] || [ -e "$(VENV)/.made-by-make" ] || { \
	  echo "'$(VENV)' exists already and was not made by this Makefile; it is left alone." >&2; \
	  echo "Remove it, or choose another place: make VENV=folder ..." >&2; exit 1; }
	@echo "[setup] creating $(VENV) with $$("$(PYTHON)" --version 2>&1)"
	@mkdir -p "$(VENV)" && touch "$(VENV)/.made-by-make"
	@$(EMPTY_VENV)
	@"$(PYTHON)" -m venv "$(VENV)"
	@echo "$$(pwd -P) $(PYTHON)" > "$@"

$(VENV)/.installed-demo: $(VENV)/.created pyproject.toml constraints.txt
	@echo "[setup] installing exactnn and its dependencies (a few minutes the first time)"
	@$(PIP) -c constraints.txt -e ".[examples,onnx,plot]"
	@touch "$@"

$(VENV)/.installed-dev: $(VENV)/.created pyproject.toml constraints.txt
	@echo "[setup] installing exactnn, its dependencies and the test tools (a few minutes the first time)"
	@$(PIP) -c constraints.txt -e ".[examples,onnx,onnxruntime,vnnlib,testing,plot,cluster,dev]"
	@touch "$(VENV)/.installed-demo" "$@"

$(AUDITS)/.installed: $(VENV)/.created pyproject.toml constraints.txt examples/audits/requirements.txt
	@[ ! -e "$(AUDITS)" ] || [ -e "$(AUDITS)/.made-by-make" ] || { \
	  echo "'$(AUDITS)' exists already and was not made by this Makefile; it is left alone. Remove it first." >&2; exit 1; }
	@echo "[setup] installing the libraries that are audited into $(AUDITS) (some minutes the first time)"
	@mkdir -p "$(AUDITS)" && touch "$(AUDITS)/.made-by-make"
	@"$(BIN)" -m venv "$(AUDITS)"
	@"$(AUDITS)/bin/python" -m pip install --disable-pip-version-check $(shell test -t 1 || echo --quiet) \
	  -c constraints.txt -e ".[examples,onnx,testing]" -r examples/audits/requirements.txt
	@touch "$@"
