# Everything a newcomer needs: make demo, make test. Nothing is installed outside .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Many tests wait for servers: more processes than cores. Files are handed out in the order of tests/support/distribution.py.
PYTEST := $(BIN)/python -m pytest --numprocesses=3 --dist=loadscope --no-loadscope-reorder
# Of the commit: archives have it in the place of the time at which they are made.
DATE = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct))

.PHONY: help install demo wheel dist test test-fast coverage check fuzz bench docs format lock packages schema surfaces texts clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## build .venv from the lock file

$(VENV)/.installed: requirements/uv.txt requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed: make PYTHON=python3.12 install"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements/uv.txt requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src # else, where Python may write no bytecode, each process that starts makes it again
	touch $@

demo: install ## screen a bucket of real DICOM over the REST API, segment what passed (KEEP=1 leaves it running)
	$(BIN)/dicom-sieve demo --folder .demo $(if $(KEEP),--keep)

wheel: install ## build dist/*.whl, to install with pip, pipx or uv
	$(BIN)/python -m hatchling build --target wheel --directory dist

dist: install ## what a release has: dist/*.tar.gz, *.whl, *.cdx.json; from the same commit the same bytes
	rm -rf dist
	SOURCE_DATE_EPOCH=$(DATE) $(BIN)/python -m hatchling build --directory dist
	SOURCE_DATE_EPOCH=$(DATE) $(BIN)/python -m scripts.sbom dist/dicom_sieve-$$($(BIN)/dicom-sieve --version).cdx.json

test-fast: install ## what needs no server, browser, process or ledger: three minutes; ARGS as for test
	$(PYTEST) --numprocesses=2 -m fast --timeout=60 $(ARGS)

test: install ## the whole suite, on the real servers that are present
	$(PYTEST) $(ARGS)

coverage: install ## the whole suite, and the lines and branches that no test reached; takes longer
	$(PYTEST) --cov --cov-report=term:skip-covered $(ARGS)

check: install ## formatting, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: install ## fuzz the readers of headers (SECONDS=300; an hour: SECONDS=3600)
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),300)

bench: install ## measure, and write docs/performance.md and docs/scale.md (LARGE=1: a million objects, too)
	$(BIN)/python -m benchmarks $(if $(LARGE),--large) $(ARGS)

docs: install ## build the site of the documents, build/site; to read it: python -m http.server --directory build/site
	$(BIN)/python -m scripts.docs_site

schema: install ## after a migration: write how a ledger on PostgreSQL is made, which verify compares with
	$(BIN)/python -m scripts.ledger_schema

packages: install ## after a change of the lock: write sizes and licences to the documents
	$(BIN)/python -m scripts.packages

surfaces: install ## after a change of the contract, views, manifest or Python API: keep what it is now
	$(BIN)/python -W ignore -m scripts.surfaces

texts: install ## after a text of the pages changed: collect them for translation, and compile catalogs
	$(BIN)/python -m scripts.page_texts

format: install ## rewrite the formatting
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: install ## resolve the lock files again
	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --custom-compile-command 'make lock' uv.in -o uv.txt
	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --custom-compile-command 'make lock' ../pyproject.toml -o base.txt
	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --custom-compile-command 'make lock' -c base.txt --extra demo --extra dev --extra dicomweb --extra fast --extra fuzz --extra lineage --extra postgresql --extra proxy --extra radiomics --extra ray --extra segmentation --extra telemetry ../pyproject.toml -o dev.txt
	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --custom-compile-command 'make lock' gdcm.in -o gdcm.txt
	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --custom-compile-command 'make lock' -c dev.txt build.in -o build.txt
	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --custom-compile-command 'make lock' sbom.in -o sbom.txt
	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --custom-compile-command 'make lock' -c dev.txt --extra dicomweb --extra fast --extra lineage --extra postgresql --extra proxy --extra segmentation --extra telemetry ../pyproject.toml -o image.txt

clean: ## remove what was built
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* .demo build dist
