# Segue on a machine with nothing but Python 3.11 and make: every target sets up what it needs, and a second run is quick.
#
#   make demo                  the whole platform, until Ctrl-C (ONCE=1: exit when everything happened)
#   make demo SOURCE=30music DATA=DIR
#   make test                  the tests, in two processes (TEST_WORKERS=4 on more cores; PYTEST_ARGS for pytest)
#   make check                 what CI checks before the tests
#   make spark                 Java 17 and pyspark into the same .venv, for --engine spark; nothing else needs them
#   make lock                  requirements.lock and infra/spark.txt from pyproject.toml

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BOOTSTRAP := infra/bootstrap.txt
SPARK := infra/spark.txt
PYTEST_ARGS ?=
TEST_WORKERS ?= 2

DEMO_ARGS := $(if $(ONCE),--once) $(if $(SOURCE),--source "$(SOURCE)") $(if $(DATA),--data "$(DATA)") \
	$(if $(DAYS),--days "$(DAYS)") $(if $(USERS),--users "$(USERS)") $(if $(TRACKS),--tracks "$(TRACKS)") \
	$(if $(SEED),--seed "$(SEED)")

export TF_USE_LEGACY_KERAS := 1
export TF_CPP_MIN_LOG_LEVEL := 2
# Where it is set, every stage would compile TensorFlow and Feast again, ten seconds each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check lock setup redis java spark
.DEFAULT_GOAL := demo

demo: $(READY)
	@exec $(BIN)/python -m infra.demo $(DEMO_ARGS)

test: $(READY) redis spark
	$(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=dags $(BIN)/mypy dags/*.py
	$(BIN)/lint-imports

setup: $(READY)

$(READY): requirements.lock pyproject.toml $(BOOTSTRAP)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Segue needs Python 3.11: apt-get install python3.11, or make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) (about 3.5 GB; once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(BOOTSTRAP)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# A real Redis for the tests of the online store; they skip, saying so, where there is none.
redis:
	@command -v redis-server >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server; } || \
		echo "no redis-server here: the tests that need it will be skipped (apt-get install redis-server)"

# Java for the tests on Spark; they skip, saying so, where there is none, and then nothing else of Spark is installed either.
java:
	@command -v java >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless; } || \
		echo "no java here: the tests that need it will be skipped (apt-get install openjdk-17-jre-headless)"

spark: $(READY) java
	@! command -v java >/dev/null || $(MAKE) --no-print-directory $(VENV)/.spark

$(VENV)/.spark: $(READY) $(SPARK)
	@echo "Adding pyspark to $(VENV) (about 0.5 GB; once)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --require-hashes -r $(SPARK)
	@touch $@

lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		--upgrade --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra spark --constraints requirements.lock --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --quiet --output-file $(VENV)/spark.txt
	@awk 'FNR == NR { locked[$$1]; next } /^[^ ]/ { ours = !($$1 in locked) } ours' requirements.lock $(VENV)/spark.txt > $(SPARK)
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock > $(BOOTSTRAP)
