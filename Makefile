# Two commands: `make demo` (the gate on the demo environment) and `make test` (the project's own tests).
# Both set up whatever is missing first.
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo test lint selftest bench docs lock

BIN := .venv/bin

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing: .venv, locked packages, Allure, nmap, Chromium
	@.ci/setup

demo: setup ## start the demo environment and run the gate on it: GO, and a report to open
	@$(BIN)/stagehold demo

test: setup setup-tests lint ## lint, types and the project's own tests, a part of the defect matrix included
	@$(BIN)/python -m pytest -n 2 --dist loadfile --ignore=tests/defects/test_matrix.py
	@$(BIN)/python -m pytest tests/defects/test_matrix.py # alone: a whole run of the gate measures load

setup-tests: setup
	@.ci/setup-tests

lint: setup ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy

selftest: setup setup-tests ## the whole defect matrix: clean → GO, each defect → exactly its checks fail (40 minutes)
	@$(BIN)/stagehold selftest
	@$(BIN)/python -m tests.ports.matrix
	@$(BIN)/python -m tests.faults
	@$(BIN)/python -m tests.faults.compare
	@$(BIN)/python -m tests.faults.mutants

bench: setup setup-tests ## measure speed and memory against the targets; BENCH="--only scan reports" measures those only
	@$(BIN)/python -m tests.bench.bench $(BENCH)

docs: setup ## write the generated documentation and the JSON Schema again
	@$(BIN)/python -m stagehold.environment.schema --write
	@$(BIN)/python -m stagehold.catalogue.reference --write docs/checks.md --list

lock: setup ## lock the dependencies of pyproject.toml again
	@$(BIN)/uv pip compile -q --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url --universal \
		--python-version 3.11 --all-extras pyproject.toml -o .ci/requirements.txt
