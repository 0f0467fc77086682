"""Real screens that show no left-ventricular M-mode, as DICOM with right and with wrong regions: each is refused.

The first half is decided by the header alone, whatever the networks might say; the second by the shipped networks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from algorithms.mmode_ef.algorithm import MmodeEf, Networks
from algorithms.mmode_ef.gate import Gate
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.preprocess import view_of
from algorithms.mmode_ef.real_pictures import (
    CUTS,
    WRONG_SPEEDS,
    cut_cines,
    human_screens,
    m_mode_region,
    regions_for,
)
from algorithms.mmode_ef.simulated import series_of
from algorithms.mmode_ef.strip import strips_of
from dicom_node.cli import main
from dicom_node.errors import UnsuitableSeries
from dicom_node.load import load_series
from dicom_node.models import ModelFolder
from dicom_node.plugins import Catalogue
from dicom_node.series import RegionData, RegionFormat, RegionUnit, Series, UltrasoundRegion

M_MODES = ("40_mmode-a4ch-rv.png", "42_mmode-plax-av.png", "44_mmode-plax-mitral.png")
OTHERS = ("08_a4ch-full.png", "19_doppler-mv.png", "26_plax-full-lv.png")
NEEDS = "needs a left-ventricular M-mode with a complete heartbeat"


@pytest.fixture
def screen(needs_shared) -> Callable[[str], np.ndarray]:
    """A function: name of a picture -> its pixels (rows, columns, 3)."""
    folder = needs_shared("data/mmode/human_tte47")
    return lambda name: np.array(Image.open(folder / name).convert("RGB"))


@pytest.fixture
def about(needs_shared) -> dict:
    """What is known of the pictures: scales read from their ticks."""
    return json.loads((needs_shared("data/mmode/human_tte47") / "ground_truth.json").read_text())


@pytest.fixture
def loaded(us_image, tmp_path) -> Callable[..., Series]:
    """A function: picture and regions, written as DICOM and read by the node's loader."""
    return lambda image, regions: load_series([us_image(image, regions, tmp_path / "screen.dcm")], tmp_path)


@pytest.fixture(scope="module")
def shipped() -> MmodeEf:
    """The algorithm with the networks of this repository."""
    folder = Catalogue().folder("mmode_ef")
    assert (folder / "model.toml").exists(), "the networks of mmode_ef are part of this repository"
    return MmodeEf(Options(wall_curves=False), Networks(ModelFolder(folder)))


def _headers(rows: int, columns: int, region: Callable[..., UltrasoundRegion]) -> dict[str, tuple]:
    """Regions that no picture may be measured with, and what is said of them."""
    strip = {"x0": 42, "y0": rows // 2, "x1": columns - 60, "y1": rows - 30, "delta_x": 1 / 284, "delta_y": 1 / 27.9}
    fan = region(0, 0, columns - 1, rows // 2, format=RegionFormat.TWO_D, unit_x=RegionUnit.CENTIMETRE)
    stale = region(0, 0, columns + 50, 99, format=RegionFormat.TWO_D, unit_x=RegionUnit.CENTIMETRE)
    spectrum = region(
        **strip | {"format": RegionFormat.SPECTRAL, "data": RegionData.PW_DOPPLER},
        unit_y=RegionUnit.CENTIMETRE_PER_SECOND,
    )
    return {
        "no region": ((), "the picture has no ultrasound region, so no scale is known"),
        "a fan alone": ((fan,), "none of its 1 regions is M-mode (they are two_d)"),
        "a spectrum": ((fan, spectrum), "none of its 2 regions is M-mode"),
        "two strips": ((region(**strip), region(**strip)), "it has 2 M-mode regions"),
        "of a larger picture": ((region(**strip | {"x1": columns + 200}),), "calibration belongs to another picture"),
        "a stale neighbour": ((region(**strip), stale), "1 of its 2 regions do not lie in the picture"),
        "centimetres across": ((region(**strip, unit_x=RegionUnit.CENTIMETRE),), "in centimetre across"),
        "no unit": ((region(**strip, unit_y=RegionUnit.NONE),), "in second across and no unit down"),
        "colour": ((region(**strip, data=RegionData.COLOR_FLOW),), "holds color_flow"),
        "a scale of zero": ((region(**strip | {"delta_y": 0.0}),), "0 mm per row"),
        "a mouse's scale": ((region(**strip | {"delta_y": 1 / 360}),), "shows a human ventricle"),
    }


@pytest.mark.parametrize("name", [*M_MODES, *OTHERS])
def test_a_header_that_gives_no_sure_scale_is_reason_enough(screen, loaded, region, knowing, monkeypatch, name):
    monkeypatch.setattr(knowing, "look", lambda *_: pytest.fail("refusals by the header come before the networks"))
    image = screen(name)
    told = {}
    for what, (regions, reason) in _headers(*image.shape[:2], region).items():
        with pytest.raises(UnsuitableSeries) as refused:
            MmodeEf(Options(), knowing([])).run(loaded(image, regions))
        assert reason in str(refused.value), what
        assert "needs an ultrasound image" in str(refused.value), what
        told[what] = str(refused.value)
    assert len(set(told.values())) == len(told)  # each its own


@pytest.mark.parametrize("name", M_MODES)
def test_another_structure_with_its_right_region(screen, about, loaded, shipped, name):
    regions = dict(regions_for(screen(name), about[name]))["right"]
    with pytest.raises(UnsuitableSeries, match=NEEDS):
        shipped.run(loaded(screen(name), regions))


@pytest.mark.parametrize("label", ["whole picture", "upper half"])
@pytest.mark.parametrize("name", [*M_MODES, *OTHERS])
def test_an_m_mode_region_where_there_is_none(screen, about, loaded, shipped, name, label):
    regions = dict(regions_for(screen(name), about[name]))[label]
    with pytest.raises(UnsuitableSeries, match=NEEDS):
        shipped.run(loaded(screen(name), regions))


def test_no_region_makes_the_gate_take_another_picture_for_a_ventricle(needs_shared):
    """With wrong time scales, on parts of strips, on first frames of cines: certainty stays under what is asked."""
    gate = Gate(ModelFolder(Catalogue().folder("mmode_ef")))
    looked: dict[str, list[float]] = {}
    for one in human_screens(needs_shared("data/mmode")):
        if one.regions:
            ((strip,), _) = strips_of(series_of(one.image, one.regions), Options())
            verdict = gate.judge(view_of(strip.grey, strip.seconds_per_px))
            looked.setdefault(one.label, []).append(verdict.lv)
            assert verdict.lv < Options().least_lv_percent / 100, (one.name, one.label)
    assert {label: len(found) for label, found in looked.items()} == {
        **dict.fromkeys(("right", *WRONG_SPEEDS, "left half", "right half", "lower half"), len(M_MODES)),
        **dict.fromkeys(("whole picture", "upper half"), len(M_MODES) + len(OTHERS) + len(CUTS)),
    }


def test_the_command_says_so(screen, about, us_image, tmp_path, capsys):
    name = "44_mmode-plax-mitral.png"
    regions = dict(regions_for(screen(name), about[name]))["right"]
    path = us_image(screen(name), regions, tmp_path / "mitral.dcm")
    with pytest.raises(SystemExit) as left:
        main(["run", "mmode_ef", str(path), "--out", str(tmp_path / "out")])
    told = capsys.readouterr().err
    assert left.value.code == 3, told
    assert NEEDS in told
    assert [file.name for file in (tmp_path / "out").rglob("*")] == ["result.json"]
    assert json.loads((tmp_path / "out" / "result.json").read_text())["status"] == "unsuitable"


def test_cuts_through_real_ventricles_are_not_all_turned_away(needs_shared, shipped):
    """What is refused must not be everything: a gate that says no to all would pass the tests above."""
    measured = 0
    for cut in cut_cines(Path(needs_shared("data/mmode"))):
        try:
            (one,) = shipped.measure(series_of(cut.image, cut.regions))
        except UnsuitableSeries:
            continue
        measured += 1
        for cycle in one.cycles:
            assert 20 < cycle.values["lvidd_mm"] < 80
    assert measured >= 1


def test_a_region_is_what_its_name_says():
    region = m_mode_region((1, 2, 3, 4), 0.004, 0.03)
    assert (region.format, region.unit_x, region.unit_y) == (
        RegionFormat.M_MODE,
        RegionUnit.SECOND,
        RegionUnit.CENTIMETRE,
    )
