# Two commands do everything on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
DIGITS := samples/noisy/digits.png
SHOWN := samples/shown
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo pictures shots app translations test coverage lint format dev clean

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.* ## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## install, and clean the noisy samples into demo/
	$(BIN)/denoise-ae clean $(filter-out $(DIGITS),$(wildcard samples/noisy/*.png)) -o $(DEMO) --overwrite
	$(BIN)/denoise-ae clean $(DIGITS) --model digits -o $(DEMO)/$(notdir $(DIGITS)) --overwrite
	$(BIN)/denoise-ae compare samples/noisy/cat.png $(DEMO)/cat.png --reference samples/clean/cat.png \
	  -o $(DEMO)/cat-compared.png --overwrite
	@echo
	@echo "Look at $(DEMO)/cat-compared.png: noisy, cleaned, and the true picture."
	@echo "All cleaned samples are in $(DEMO)/, the noisy ones in samples/noisy/."

pictures: demo ## draw the pictures that the README shows
	@mkdir -p $(SHOWN)
	for shown in cat digits "page --crop 20,20,320,150" "coffee --crop 320,70,150,150 --zoom 2"; do \
	  set -- $$shown; name=$$1; shift; \
	  $(BIN)/denoise-ae compare samples/noisy/$$name.png $(DEMO)/$$name.png --reference samples/clean/$$name.png \
	    -o $(SHOWN)/$$name.png --overwrite "$$@" || exit 1; done

shots: $(VENV)/.installed-app ## take the pictures of the window that the README shows
	$(BIN)/python samples/make_shots.py

app: $(VENV)/.installed-app ## build the stand-alone program into dist/denoise-ae, and try it out
	$(BIN)/pyinstaller --noconfirm --log-level WARN app/denoise-ae.spec
	$(BIN)/python app/smoke.py dist/denoise-ae

translations: $(VENV)/.installed-app ## bring the window's translations up to date with its texts
	for language in de zh_CN; do \
	  $(BIN)/pyside6-lupdate -no-obsolete -locations none denoise_ae/desktop/*.py denoise_ae/desktop/*/*.py \
	    -ts denoise_ae/desktop/translations/denoise-ae_$$language.ts && \
	  $(BIN)/pyside6-lrelease denoise_ae/desktop/translations/denoise-ae_$$language.ts \
	    -qm denoise_ae/desktop/translations/denoise-ae_$$language.qm || exit 1; done

test: $(VENV)/.installed-test lint ## install what tests need, then check style and types and run all tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

# The test that is left out limits the size of files, and coverage writes files.
coverage: $(VENV)/.installed-test ## run all tests and say how much of the code they reach
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal --cov --cov-report term \
	  -k "not files_that_may_not_be_that_large"

lint: $(VENV)/.installed-test ## check style, types and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test ## bring the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

dev: $(VENV)/.installed-test ## install the hooks that check each commit
	$(PIP_INSTALL) --editable .[dev]
	$(BIN)/pre-commit install

clean: ## remove what was made here, but for the environment and trained runs
	rm -rf $(DEMO) build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache
	find denoise_ae tests train -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "denoise-ae needs Python 3.11 or later; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# These marks say what is installed, so that it happens once and again only when a requirement changes.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) (once)"
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-app: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) what the window and the stand-alone program need (once)"
	$(PIP_INSTALL) --editable .[app]
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) what tests need (once; PyTorch is large)"
	$(PIP_INSTALL) --editable .[test]
	@touch $@ $(VENV)/.installed
