# Everything a newcomer needs: make demo, make test. The other targets are the parts of these two.
.PHONY: setup demo test lint format texts bench fuzz lock clean
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000
DEMO_DIR ?= .demo
EXAMPLES ?= 200000
# Many tests wait more than they work, so there are more processes than cores. Tests of one file stay in one process;
# ARGS="-n 0" runs them one after the other.
SIDE_BY_SIDE := -n 4 --dist loadgroup --no-loadscope-reorder
FUZZ_TESTS := tests/relay_bridge/protocol/test_fuzz.py tests/relay_bridge/test_two_ends.py tests/relay_bridge/emulator/test_fuzz.py \
  tests/relay_bridge/agent/acting/test_commands_fuzz.py tests/relay_bridge/agent/acting/test_killed.py tests/relay_bridge/agent/test_session_fuzz.py

help:
	@echo "make demo   the whole chain on this machine (PORT=8000, DEMO_DIR=.demo)"
	@echo "make test   every test, real browser included"
	@echo "make lint   style, types, import rules"
	@echo "make texts  texts for translation into hmi/locale"
	@echo "make bench  figures into docs/benchmarks.md"
	@echo "make fuzz   200,000 made-up frames, tokens, targets, calls and commands (EXAMPLES=200000)"

setup: .venv/.stamp

.venv/.stamp: requirements.lock pyproject.toml .ci/setup
	@PYTHON="$(PYTHON)" bash .ci/setup

demo: setup
	@$(BIN)/python -m hmi.demo --port "$(PORT)" --dir "$(DEMO_DIR)"

test: setup
	@$(BIN)/python -m tests.support.chromium --ensure
	@$(BIN)/python -m tests.support.node --ensure
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy relay_bridge accounts hmi
	$(BIN)/lint-imports --no-cache

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Texts for translation: brings hmi/locale up to date with the code, compiles it, lists what is not translated.
texts: setup
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m django texts --list

bench: setup
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: setup
	SIGHTLINE_FUZZ=$(EXAMPLES) $(BIN)/python -m pytest --timeout 3600 $(FUZZ_TESTS) $(ARGS)

# A new lock after a change in pyproject.toml: hashes, markers for every Python, no address of any registry.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --all-extras --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv .demo build *.egg-info
