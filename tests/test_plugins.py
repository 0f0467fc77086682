"""The catalogue: algorithms come in through entry points only, and wrong options are told one by one."""

from __future__ import annotations

import sys

import pytest

from dicom_node.algorithm import Algorithm
from dicom_node.errors import ModelError, UsageError
from dicom_node.plugins import Catalogue
from dicom_node.testing import install_fake_algorithms

PACKAGE = """
from dicom_node.algorithm import AlgorithmOptions
from typing import Literal
from pydantic import Field

class Options(AlgorithmOptions):
    threshold: Literal["otsu", "fixed"] = Field("otsu", description="How the level is found.")
    size_px: int = Field(gt=0, le=64, description="Side of the window.")
    weights: tuple[float, float] | None = None
    show: bool = True

def create(options, models):
    return models.open("tiny")
"""


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """The installed algorithms, the fakes, and a package made here, `window`, with a broken neighbour."""
    install_fake_algorithms(tmp_path)
    package = tmp_path / "catalogue_window"
    package.mkdir()
    (package / "__init__.py").write_text(PACKAGE)
    (package / "train.py").write_text("def train(data, out):\n    return 'trained'\n")
    (package / "evaluate.py").write_text("import a_package_that_is_not_there\n")
    metadata = tmp_path / "window-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: window\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[dicom_node.algorithms]\nwindow = catalogue_window\nbroken = catalogue_nowhere\nempty = dicom_node.errors\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield Catalogue()
    for module in [name for name in sys.modules if name.startswith("catalogue_window")]:
        del sys.modules[module]


def test_everybody_comes_in_by_the_same_door(catalogue):
    assert {"ulm_decoupling", "fake_arithmetic", "window"} <= set(catalogue.names())
    algorithm = catalogue.create("fake_arithmetic", {"factor": 3})
    assert isinstance(algorithm, Algorithm)
    assert algorithm.info.name == "fake_arithmetic"


def test_each_wrong_option_is_told_with_what_is_allowed(catalogue):
    problems = dict(catalogue.option_problems("window", {"treshold": 1, "threshold": "otzu", "size_px": 65}))
    assert "did you mean threshold?" in problems[("treshold",)]
    assert "threshold, size_px, weights, show" in problems[("treshold",)]
    assert problems[("threshold",)] == "input should be 'otsu' or 'fixed'; got 'otzu'"
    assert problems[("size_px",)] == "input should be less than or equal to 64; got 65"
    assert dict(catalogue.option_problems("window", {})) == {("size_px",): "is needed"}
    assert catalogue.option_problems("window", {"size_px": 5}) == []


def test_wrong_options_never_make_an_algorithm(catalogue):
    with pytest.raises(UsageError, match=r"options of fake_arithmetic do not hold: factor: .* got -1"):
        catalogue.create("fake_arithmetic", {"factor": -1})


def test_the_same_meaning_has_the_same_canonical_options(catalogue):
    everything = {"threshold": "otsu", "size_px": 5, "weights": None, "show": True}
    assert catalogue.canonical_options("window", {"size_px": 5.0}) == everything
    assert catalogue.canonical_options("window", everything) == everything


def test_unknown_and_broken_algorithms_are_named(catalogue):
    with pytest.raises(UsageError, match="did you mean ulm_decoupling"):
        catalogue.options_class("ulm_decopling")
    with pytest.raises(UsageError, match=r"'broken' .catalogue_nowhere. cannot be imported"):
        catalogue.create("broken", {})
    with pytest.raises(UsageError, match="no class Options"):
        catalogue.create("empty", {})
    assert "cannot be imported" in catalogue.option_problems("broken", {})[0][1]


def test_two_packages_may_not_offer_one_name(catalogue, tmp_path):
    metadata = tmp_path / "other-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[dicom_node.algorithms]\nwindow = another_window\n")
    with pytest.raises(UsageError, match="two installed packages offer an algorithm 'window'"):
        Catalogue()


def test_options_are_described_for_people(catalogue):
    rows = {row.option: row for row in catalogue.describe_options("window")}
    assert rows["threshold"][1:] == ("otsu | fixed", "otsu", "How the level is found.")
    assert rows["size_px"][1:3] == ("integer > 0 and <= 64", "needed")
    assert rows["weights"][1:3] == ("list of number, number or null", "null")
    assert rows["show"][1:3] == ("true | false", "true")


def test_models_come_from_the_folder_of_the_module(catalogue, tmp_path):
    assert catalogue.folder("window") == tmp_path / "catalogue_window"
    with pytest.raises(ModelError, match=r"has no model.toml"):
        catalogue.create("window", {"size_px": 5})


def test_parts(catalogue):
    assert catalogue.part("window", "train")(None, None) == "trained"
    assert catalogue.part("fake_arithmetic", "train") is None
    with pytest.raises(UsageError, match="evaluate of algorithm 'window' cannot be imported"):
        catalogue.part("window", "evaluate")
