# Everything a person needs: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help run test check soak lock format clean

help: ## Show what can be made
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

$(STAMP): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python 3.11, 3.12 or 3.13 is needed, this is {v[0]}.{v[1]}; try: make PYTHON=python3.12 run")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m matching warm
	@touch $(STAMP)

run: $(STAMP) ## Serve the market with its demo data; PORT=8001 for another port than 8000
	@$(BIN)/python -m marketplace serve --demo --port $(PORT)

test: $(STAMP) ## Run the tests (on PostgreSQL too when TEST_DATABASE_URL is set)
	$(BIN)/python -m pytest -q -n 2 -m "not soak"

soak: $(STAMP) ## Run the long tests
	$(BIN)/python -m pytest -q -m soak

check: $(STAMP) ## Lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(STAMP) ## Resolve the dependencies again, with hashes
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate \
	  --all-extras --group dev --python-version 3.11 --upgrade --quiet \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean: ## Remove the environment and the local market
	rm -rf $(VENV) var
