"""The straight line is kept: a file imports only from rows above it (contracts in pyproject.toml), and no torch."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from dicom_node.plugins import OF_TRAINING

ROOT = Path(__file__).resolve().parents[1]

# In a process of its own: it silences the loggers of the one that it runs in, and later tests read logs
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def test_layers_and_algorithms_keep_their_contracts():
    done = subprocess.run([sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Every module of the node, every installed algorithm, and what judges it
OF_A_NODE = """
import importlib, pkgutil, sys
import dicom_node
from dicom_node.plugins import OF_TRAINING, Catalogue

for module in pkgutil.walk_packages(dicom_node.__path__, "dicom_node."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
catalogue = Catalogue()
for name in catalogue.names():
    catalogue.options_class(name)
    catalogue.part(name, "evaluate")
print(" ".join(sorted((OF_TRAINING - {"tqdm", "skfem"}).intersection(sys.modules))))  # evaluate simulates
"""


def test_a_running_node_never_imports_torch():
    done = subprocess.run([sys.executable, "-c", OF_A_NODE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_extra_train_brings_what_the_kit_imports():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    brought = {re.match(r"[\w-]+", requirement)[0] for requirement in extras["train"]}
    imported_as = {"scikit-learn": "sklearn", "scikit-fem": "skfem"}
    assert {imported_as.get(name, name) for name in brought} == OF_TRAINING
