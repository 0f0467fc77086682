"""A run's folder: made once, gone on with, refused with other settings, each of which is named."""

from __future__ import annotations

import json

import pytest

from algorithms.training.run import RunFolder
from dicom_node.errors import UsageError

SETTINGS = {"seed": 1, "schedule": {"epochs": 30, "learning_rate": 1e-3}, "crop_px": (96, 96)}


def test_the_second_run_goes_on_with_the_first(tmp_path):
    first = RunFolder(tmp_path / "out", SETTINGS)
    first.path("dla_1").joinpath("note").write_text("kept")
    second = RunFolder(tmp_path / "out", {**SETTINGS, "crop_px": [96, 96]})  # in JSON a tuple is a list
    assert (first.resumed, second.resumed) == (False, True)
    assert (second.path("dla_1") / "note").read_text() == "kept"
    assert second.checkpoint_of("dla_1").parent == second.path("dla_1")


def test_every_other_setting_is_named(tmp_path):
    RunFolder(tmp_path, SETTINGS)
    other = {"seed": 1, "schedule": {"epochs": 40, "learning_rate": 1e-3}, "blur_px": 2}
    with pytest.raises(UsageError) as refused:
        RunFolder(tmp_path, other)
    told = str(refused.value)
    assert "schedule.epochs is 30 there, 40 here; crop_px is [96, 96] there, absent here" in told
    assert "blur_px is absent there, 2 here" in told
    assert "seed" not in told
    assert "another --out" in told
    assert json.loads((tmp_path / "training" / "settings.json").read_text())["schedule"]["epochs"] == 30


def test_settings_that_are_no_json_are_refused(tmp_path):
    with pytest.raises(UsageError, match="JSON"):
        RunFolder(tmp_path, {"when": object()})
    with pytest.raises(UsageError, match="JSON"):
        RunFolder(tmp_path, {"rate": float("nan")})


def test_settings_that_somebody_broke_are_told(tmp_path):
    RunFolder(tmp_path, SETTINGS)
    (tmp_path / "training" / "settings.json").write_text("{")
    with pytest.raises(UsageError, match="is no JSON"):
        RunFolder(tmp_path, SETTINGS)


@pytest.mark.parametrize("part", ["", "a/b", "..", "a b"])
def test_a_part_is_a_plain_name(tmp_path, part):
    with pytest.raises(ValueError, match="a part is named by"):
        RunFolder(tmp_path, {}).path(part)
