"""A result on disk is the result again: random ones with all their parts, and what is told of damaged files."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dicom_node import analysis_file
from dicom_node.analysis_file import ARRAYS_NAME, JSON_NAME, read_analysis, write_analysis
from dicom_node.codes import Code, Unit
from dicom_node.correction import Change, CorrectionError, corrected
from dicom_node.errors import StorageError, UsageError
from dicom_node.result import (
    AnalysisResult,
    DerivedSeries,
    Evaluation,
    KeyFrames,
    Measurement,
    MeasurementGroup,
    Picture,
    Placement,
    Region,
    ScalarMap,
    Segment,
    Shape,
    Table,
)
from dicom_node.series import ArrayPixels, FrameRef, Spacing

TEXT = st.text(min_size=1, max_size=12)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)
POSITIVE = st.floats(1e-3, 1e3)
CODES = st.builds(Code, st.text("AB1", min_size=1, max_size=8), st.just("99X"), TEXT)
UNITS = st.builds(Unit, TEXT, TEXT)
FRAMES = st.builds(
    FrameRef, st.just("1.2"), st.from_regex(r"1\.[0-9]{1,5}", fullmatch=True), st.none() | st.integers(1, 9)
)
SUMMARY = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
POINTS = st.lists(st.tuples(FINITE, FINITE), min_size=3, max_size=6).map(tuple)
REGIONS = st.builds(
    Region,
    st.sampled_from([Shape.POLYGON, Shape.POLYLINE, Shape.MULTIPOINT]),
    POINTS,
    FRAMES,
    per_px=st.none() | st.tuples(st.tuples(POSITIVE, UNITS), st.tuples(POSITIVE, UNITS)),
    corrected=st.booleans(),
)
MEASUREMENTS = st.builds(
    Measurement,
    CODES,
    FINITE,
    UNITS,
    method=st.none() | CODES,
    inferred_from=st.none() | REGIONS | st.lists(REGIONS, max_size=2).map(tuple),
    limits=st.none() | st.just((-1.5, 2.0)),
    decimals=st.none() | st.integers(0, 3),
    settable=st.booleans(),
)
EVALUATIONS = st.builds(Evaluation, CODES, CODES | TEXT, settable=st.booleans()) | st.builds(
    lambda name, choices: Evaluation(name, choices[-1], choices=tuple(choices)),
    CODES,
    st.lists(CODES | TEXT, min_size=1, max_size=3),
)


def pixels(draw, frames, tail, dtype):
    return ArrayPixels(draw(hnp.arrays(dtype, (frames, 5, 7, *tail))))


@st.composite
def results(draw) -> AnalysisResult:
    refs = tuple(draw(st.lists(FRAMES, min_size=1, max_size=4)))
    planar = draw(st.booleans())
    groups = tuple(
        MeasurementGroup(
            f"thing {number}",
            draw(CODES),
            refs,
            measurements=tuple(draw(st.lists(MEASUREMENTS, max_size=2))),
            evaluations=tuple(draw(st.lists(EVALUATIONS, max_size=2))),
            region=draw(REGIONS) if planar else None,
            time_point=draw(st.none() | TEXT),
        )
        for number in range(draw(st.integers(0, 3)))
    )
    placement = Placement(draw(FINITE), 0.0, draw(POSITIVE), draw(st.none() | st.builds(Spacing, POSITIVE, POSITIVE)))
    code, unit = draw(CODES), draw(UNITS)
    map_values = draw(
        hnp.arrays(draw(st.sampled_from([np.float32, np.float64])), (3, 4), elements=st.floats(0, 9, width=32))
    )
    masks = pixels(draw, len(refs), (), draw(st.sampled_from([bool, np.uint8])))
    return AnalysisResult(
        summary=draw(st.dictionaries(st.text(), SUMMARY, max_size=3)),
        groups=groups,
        segments=(Segment("part", code, code, masks, refs, "thing 1", key="part"),),
        pictures=(
            Picture(
                "picture", pixels(draw, 3, (3,), np.uint8), refs, "picture", frame_time_s=draw(st.none() | POSITIVE)
            ),
        ),
        maps=(ScalarMap("map", map_values, code, unit, refs, "map", placement),),
        derived=(
            DerivedSeries("derived", pixels(draw, 4, (), np.uint8), refs, "derived", code, "why", 0.04, placement)
            if draw(st.booleans())
            else DerivedSeries(
                "derived",
                pixels(draw, 4, (), np.uint8),
                refs,
                "derived",
                code,
                "why",
                0.04,
                value_scale=(0.5, -1.0, unit),
            ),
        ),
        key_frames=(KeyFrames(code, draw(st.text()), refs),),
        tables=(Table("t", ("a", "b", "c"), ((1, 2.5, "x"), (draw(st.integers()), draw(FINITE), draw(st.text())))),),
        notes=tuple(draw(st.lists(st.text(), max_size=2))),
        statements=tuple(draw(st.lists(st.text(), max_size=2))),
        nothing_found=draw(TEXT) if not groups else None,
        requires_review=draw(st.booleans()),
    )


def assert_same(one, other):
    """Equal in every part, type by type; pixels frame by frame."""
    if hasattr(one, "read"):
        assert (tuple(other.shape), other.dtype) == (tuple(one.shape), one.dtype)
        assert np.array_equal(other.read(0, one.shape[0]), one.read(0, one.shape[0]))
        return
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    elif is_dataclass(one):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, tuple | list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert one == other
        assert not isinstance(one, float) or math.copysign(1, one) == math.copysign(1, other)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(results())
def test_what_is_read_is_what_was_written(result):
    with TemporaryDirectory() as name:
        write_analysis(result, Path(name))
        assert sorted(path.name for path in Path(name).iterdir()) == [JSON_NAME, ARRAYS_NAME]
        assert_same(result, read_analysis(Path(name)))


FRAME = FrameRef("1.2", "1.2.3", 1)
THING = Code("T", "99X", "thing")
MM = Unit("mm", "mm")


@pytest.fixture
def result() -> AnalysisResult:
    line = Region(Shape.POLYLINE, ((0.0, 0.0), (0.0, 20.0)), FRAME, key="line", per_px=((0.5, MM), (0.5, MM)))
    length = Measurement(THING, np.float64(10.0), MM, inferred_from=line, key="length_mm", formula="length(line)")
    frames = np.arange(9 * 6 * 8, dtype=np.uint16).reshape(9, 6, 8) % 2
    refs = tuple(FrameRef("1.2", "1.2.3", number) for number in range(1, 10))
    return AnalysisResult(
        {"length_mm": 10.0},
        (MeasurementGroup("thing", THING, (FRAME,), measurements=(length,)),),
        segments=(Segment("part", THING, THING, ArrayPixels(frames.astype(np.uint8)), refs, "thing"),),
        requires_review=True,
    )


def test_what_was_read_can_be_corrected(result, tmp_path):
    write_analysis(result, tmp_path)
    done = corrected(read_analysis(tmp_path), [Change("line", "0,0 0,30")]).result
    assert done.summary == {"length_mm": 15.0}
    (tmp_path / "corrected").mkdir()
    write_analysis(done, tmp_path / "corrected")
    assert read_analysis(tmp_path / "corrected").parts["line"].corrected


def test_what_awaits_a_region_and_what_only_follows_do_so_after_reading(result, tmp_path):
    (group,) = result.groups
    waiting = replace(group.measurements[0], awaits="line", settable=False)
    result = replace(result, groups=(replace(group, measurements=(waiting,)),), summary={"length_mm": None})
    write_analysis(result, tmp_path)
    again = read_analysis(tmp_path)
    assert (again.parts["length_mm"].awaits, again.parts["length_mm"].settable) == ("line", False)
    with pytest.raises(CorrectionError, match="length_mm cannot be set: it follows from line: set that"):
        corrected(again, [Change("length_mm", "3")])
    assert corrected(again, [Change("line", "0,0 0,30")]).result.summary == {"length_mm": 15.0}


def test_an_analysis_of_before_these_fields_awaits_nothing_and_can_be_set(result, tmp_path):
    write_analysis(result, tmp_path)
    whole, old = read_analysis(tmp_path), json.loads((tmp_path / JSON_NAME).read_text())
    for one in old["result"]["groups"][0]["measurements"]:
        del one["awaits"], one["settable"]
    (tmp_path / JSON_NAME).write_text(json.dumps(old))
    assert_same(whole, read_analysis(tmp_path))


def test_pixels_are_read_by_runs_of_frames(result, tmp_path, monkeypatch):
    monkeypatch.setattr(analysis_file, "RUN_BYTES", 2 * 6 * 8)  # two frames
    write_analysis(result, tmp_path)
    with np.load(tmp_path / ARRAYS_NAME) as archive:
        assert [archive[name].shape[0] for name in archive] == [2, 2, 2, 2, 1]
    before, after = result.segments[0].masks, read_analysis(tmp_path).segments[0].masks
    for start, stop in ((0, 9), (3, 4), (1, 6), (8, 9), (4, 4), (7, 99)):
        assert np.array_equal(after.read(start, stop), before.read(start, stop))


def test_a_second_writing_replaces_the_first(result, tmp_path):
    write_analysis(result, tmp_path)
    done = corrected(result, [Change("length_mm", "11")]).result
    write_analysis(done, tmp_path)
    assert read_analysis(tmp_path).summary == {"length_mm": 11.0}


def test_damage_is_told_with_the_file(result, tmp_path):
    with pytest.raises(UsageError, match=r"no analysis can be read from .*analysis\.json"):
        read_analysis(tmp_path)
    write_analysis(result, tmp_path)
    whole, arrays = (tmp_path / JSON_NAME).read_text(), (tmp_path / ARRAYS_NAME).read_bytes()

    def told(text=whole, npz=arrays):
        (tmp_path / JSON_NAME).write_text(text)
        (tmp_path / ARRAYS_NAME).write_bytes(npz)
        with pytest.raises(UsageError) as error:
            read_analysis(tmp_path).segments[0].masks.read(0, 9)
        return str(error.value)

    assert "is damaged: it is no JSON" in told(whole[:-40])
    assert "is no analysis" in told("[]")
    assert "reads version 1: use the release that wrote it" in told(whole.replace('"version": 1', '"version": 7'))
    assert "gives 10.0, but 12.5 is reported" in told(whole.replace('"value": 10.0', '"value": 12.5'))
    assert "KeyError: 'Measurment'" in told(whole.replace('"Measurement"', '"Measurment"'))
    assert "unexpected keyword argument 'fromula'" in told(whole.replace('"formula"', '"fromula"'))
    assert "no pixels can be read from" in told(npz=arrays[:200])
    middle = len(arrays) // 3
    assert ARRAYS_NAME in told(npz=arrays[:middle] + bytes(8) + arrays[middle + 8 :])
    content = json.loads(whole)
    content["result"]["segments"][0]["masks"]["frames_per_run"] = 3
    assert "lacks the frames of array_1 from 3 on" in told(json.dumps(content))


def test_a_folder_that_cannot_be_written(result, tmp_path):
    with pytest.raises(StorageError, match="the analysis cannot be written to"):
        write_analysis(result, tmp_path / "missing")
    shutil.rmtree(tmp_path)
