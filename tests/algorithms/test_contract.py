"""What every installed algorithm owes the node: one test over the entry-point group, and the README's example."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from dicom_node.algorithm import Algorithm, AlgorithmOptions, NoModels, UnsuitableSeries
from dicom_node.plugins import GROUP, Catalogue
from dicom_node.result import AnalysisResult
from dicom_node.series import ArrayPixels, Frame, FrameRef, Series, Volume

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Catalogue()
NAMES = CATALOGUE.names()
FORBIDDEN = ("pydicom", "highdicom", "pynetdicom", "sqlite3", "torch")


def series_of(*shape: int, modality: str, count: int = 1) -> Series:
    """Volumes of zeros without anything known of them."""
    volumes = []
    for number in range(count):
        refs = (FrameRef("1.2.840.10008.5.1.4.1.1.7", f"1.2.{number}", i + 1) for i in range(shape[0]))
        pixels = ArrayPixels(np.zeros(shape, np.uint8))
        volumes.append(Volume(tuple(map(Frame, refs)), pixels, series_uid="1.1", modality=modality))
    return Series("1", tuple(volumes))


UNSUITABLE = {
    "one blank ultrasound frame": series_of(1, 32, 32, modality="US"),
    "a computed tomography": series_of(1, 64, 64, modality="CT", count=3),
    "a page of colour": series_of(1, 40, 30, 3, modality="OT"),
    "nothing known": series_of(1, 1, 1, modality=""),
}


def fields_of(model: type[BaseModel]):
    """Every field of the options and of what is nested in them, by its name from outside in."""
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}", field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields_of(field.annotation)


def numbers_without_bounds(schema: Any) -> bool:
    """Whether a JSON schema allows a number without an upper or a lower end."""
    if isinstance(schema, dict):
        if schema.get("type") in ("integer", "number"):
            ends = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}
            return not all(end & schema.keys() for end in ends)
        return any(numbers_without_bounds(part) for part in schema.values())
    return isinstance(schema, list) and any(map(numbers_without_bounds, schema))


def test_the_built_in_algorithms_are_found_by_the_door_that_everybody_uses():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["dicom_node.algorithms"]
    assert set(declared) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_options_are_described_bounded_and_have_defaults(name):
    options = CATALOGUE.options_class(name)
    assert issubclass(options, AlgorithmOptions)
    for label, field in fields_of(options):
        assert field.description, f"{label} is not described"
        assert field.description.endswith("."), f"{label}: a description is a sentence"
        assert not field.is_required(), f"{label} has no default: a rule must be able to leave it out"
    schema = options.model_json_schema()
    for key, field in schema["properties"].items():
        if field.get("type") != "array":  # lists of numbers are judged by the model as a whole
            assert not numbers_without_bounds(field), f"{key} allows any number"
    with pytest.raises(ValidationError):
        options.model_validate({"no_such_option": 1})
    for key in list(options.model_fields)[:1]:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(options(), key, None)
    assert json.loads(json.dumps(CATALOGUE.canonical_options(name, {})))


@pytest.mark.parametrize("name", NAMES)
def test_create_gives_an_algorithm_whose_info_is_whole(name):
    algorithm = CATALOGUE.create(name, {})
    assert isinstance(algorithm, Algorithm)
    info = algorithm.info
    assert info.name == name
    assert re.fullmatch(r"\d+\.\d+\.\d+", info.version)
    assert info.title
    assert len(info.title) <= 64  # goes into values of VR LO
    assert all(re.fullmatch(r"[a-z_]+=.*", parameter) for parameter in info.parameters)
    for model in info.models:
        assert re.fullmatch(r"[0-9a-f]{64}", model.sha256)


def test_names_are_unique():
    infos = [CATALOGUE.create(name, {}).info.name for name in NAMES]
    assert len(set(infos)) == len(infos)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", UNSUITABLE)
def test_what_it_is_not_for_is_refused_with_what_it_needs(name, what):
    with pytest.raises(UnsuitableSeries, match="needs"):
        CATALOGUE.create(name, {}).run(UNSUITABLE[what])


IMPORT = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.process
@pytest.mark.parametrize("name", NAMES)
def test_importing_it_brings_no_dicom_library_no_database_and_no_torch(name):
    (entry,) = {*entry_points(group=GROUP, name=name)}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, entry.module], capture_output=True, text=True, timeout=60, check=True
    )
    assert not set(json.loads(done.stdout)) & set(FORBIDDEN)


@pytest.fixture
def readme_algorithm(tmp_path):
    """The Python block of the README's "An algorithm of your own", imported as its user would."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## An algorithm of your own", 1)[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)
    path = tmp_path / "brightness.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location("brightness", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["brightness"] = module  # pydantic looks its annotations up there
    spec.loader.exec_module(module)
    yield module, code
    del sys.modules["brightness"]


def test_the_readmes_algorithm_runs_and_is_as_short_as_it_says(readme_algorithm):
    module, code = readme_algorithm
    assert len([line for line in code.splitlines() if line.strip() and not line.startswith("#")]) <= 30
    algorithm = module.create(module.Options(least_frames=2), NoModels())
    assert isinstance(algorithm, Algorithm)
    result = algorithm.run(series_of(3, 16, 16, modality="US"))
    assert isinstance(result, AnalysisResult)
    assert result.summary == {"mean_brightness": 0.0}
    with pytest.raises(UnsuitableSeries, match="needs >= 2 frames; got 1"):
        algorithm.run(series_of(1, 16, 16, modality="US"))
    for _, field in fields_of(module.Options):
        assert field.description
