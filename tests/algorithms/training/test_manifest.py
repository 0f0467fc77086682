"""model.toml as the kit writes it is model.toml as the node reads it."""

from __future__ import annotations

import hashlib
import tomllib

import pytest

pytest.importorskip("tomli_w", reason="the extra train is not installed")

from algorithms.training.manifest import Entry, write_manifest
from dicom_node.errors import ModelError, UsageError
from dicom_node.models import ModelFolder, read_manifest


def entry(name="finder", **others) -> Entry:
    told = {"inputs": "image (n, 1, 96, 96), mean 0, deviation 1", "licence": "CC0", "data": '12 "patients"\nof two'}
    return Entry(name, "1.0", f"{name}.onnx", **{**told, **others})


def test_the_node_reads_what_the_kit_wrote(tmp_path):
    (tmp_path / "finder.onnx").write_bytes(b"weights")
    (tmp_path / "dla.onnx").write_bytes(b"others")
    figures = {"dice": [0.9, 0.91, 0.92], "rests on": "3 patients"}
    write_manifest(tmp_path, [entry(figures=figures), entry("dla", simulated_only=True)])
    read = read_manifest(tmp_path / "model.toml")
    assert list(read) == ["finder", "dla"]
    assert read["finder"].sha256 == hashlib.sha256(b"weights").hexdigest()
    assert read["finder"].card["figures"] == figures
    assert read["finder"].card["data"] == '12 "patients"\nof two'
    assert [info.simulated_only for info in ModelFolder(tmp_path).infos] == [False, True]
    assert [table["name"] for table in tomllib.loads((tmp_path / "model.toml").read_text())["model"]] == list(read)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"model 'finder': finder\.onnx is not in"):
        write_manifest(tmp_path, [entry()])
    with pytest.raises(UsageError, match="no model to write"):
        write_manifest(tmp_path, [])
    assert not list(tmp_path.iterdir())


def test_a_name_twice_is_refused(tmp_path):
    (tmp_path / "finder.onnx").write_bytes(b"weights")
    with pytest.raises(ModelError, match="names a model twice"):
        write_manifest(tmp_path, [entry(), entry()])
