"""Whole results: the same bytes again, and judges that this project did not write."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.config import disable_value_validation

from dicom_node import codes
from dicom_node.encode import encode_result, local_moment
from dicom_node.result import AnalysisResult, Region, Segment, Shape
from dicom_node.series import ArrayPixels, FrameRef


def test_the_same_work_gives_the_same_bytes(us_clip, info, job, tmp_path, make):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, folder)
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == two
    assert len(one) == 7


def test_another_process_elsewhere_gives_the_same_bytes(mr_stack, info, job, tmp_path, make):
    """Neither the hash seed, nor the working directory, nor the order in which the sources are named may show."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    for path in mr_stack:  # nothing to order them by but their UIDs
        ds = dcmread(path)
        del ds.TriggerTime, ds.InstanceNumber
        ds.save_as(path)
    result = make.full_result(make.stack_frames())
    encode_result(result, info, mr_stack, job, here)
    (tmp_path / "work").write_bytes(pickle.dumps((result, info, mr_stack[::-1], job, there)))
    program = (
        "import pickle, sys; from dicom_node.encode import encode_result as do; do(*pickle.load(sys.stdin.buffer))"
    )
    with (tmp_path / "work").open("rb") as work:
        subprocess.run(
            [sys.executable, "-c", program],
            stdin=work,
            cwd=there,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
        )
    made = {path.name: path.read_bytes() for path in here.iterdir()}
    assert made == {path.name: path.read_bytes() for path in there.iterdir()}


def test_every_object_has_a_series_and_a_number_of_its_own(us_clip, info, job, tmp_path, make):
    objects = encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path)
    headers = [dcmread(one.path, stop_before_pixels=True) for one in objects]
    assert len({header.SeriesInstanceUID for header in headers}) == len(headers)
    assert sorted(header.SeriesNumber for header in headers) == list(range(301, 308))
    assert {str(header.Manufacturer) for header in headers} == {"dicom-node"}
    assert len({header.SeriesDescription for header in headers}) == len(headers)
    assert {header.ContentTime for header in headers} == {"113005"}


def test_a_long_title_of_the_algorithm_hides_neither_title_nor_statement(us_clip, info, job, tmp_path, make):
    """64 characters: what tells the objects apart, and what they must say, goes before who made them."""
    info = replace(info, title="A very long title of an algorithm that takes it all up")
    result = make.full_result(make.clip_frames(), statements=("Simulated image, not from a patient",))
    objects = encode_result(result, info, [us_clip], job, tmp_path)
    told = {one.role: dcmread(one.path, stop_before_pixels=True).SeriesDescription for one in objects}
    assert told["density"] == "sample: density (Simulated image, not from a patient)"
    assert told["density_picture"] == "sample: density map (Simulated image, not from a patient)"
    assert told["report"] == "sample: report (Simulated image, not from a patient)"


def test_times_are_told_on_the_clock_of_the_source(us_clip, info, job, tmp_path, make):
    ds = dcmread(us_clip)
    ds.TimezoneOffsetFromUTC = "-0430"
    ds.save_as(us_clip)
    for one in encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path):
        header = dcmread(one.path, stop_before_pixels=True)
        assert (header.ContentDate, header.ContentTime) == ("20260301", "070005")
        assert header.TimezoneOffsetFromUTC == "-0430"
        assert header.ContributingEquipmentSequence[1].ContributionDateTime == "20260301070005-0430"


def test_a_moment_is_told_on_the_clock_of_the_machine(monkeypatch):
    """1 March 2026, 11:30:05 UTC is 20:30:05 in Tokyo."""
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "Asia/Tokyo")
            time.tzset()
            assert local_moment(1772364605).isoformat() == "2026-03-01T20:30:05+09:00"
    finally:
        time.tzset()


@pytest.fixture
def judge(needs_program, tmp_path):
    """dciodvfy, dcentvfy, dsrdump and dcm2pnm over a result and its sources; returns what they object to."""
    programs = {name: needs_program(f"/usr/bin/{name}") for name in ("dciodvfy", "dcentvfy", "dsrdump", "dcm2pnm")}

    def run(name, *arguments):
        return subprocess.run([programs[name], *map(str, arguments)], capture_output=True, text=True, errors="replace")

    def objections(objects, sources):
        found = []
        for one in objects:
            errors = [line for line in run("dciodvfy", one.path).stderr.splitlines() if line.startswith("Error")]
            document = one.sop_class_uid.startswith("1.2.840.10008.5.1.4.1.1.88")
            shown = run("dsrdump", one.path) if document else run("dcm2pnm", "+F", "1", one.path, tmp_path / "x.ppm")
            found += [(one.role, error) for error in errors]
            found += [(one.role, shown.stderr)] if shown.returncode else []
        entities = run("dcentvfy", *(one.path for one in objects), *sources)
        return found + ([("dcentvfy", entities.stderr)] if entities.returncode else [])

    return objections


def test_a_clip_passes_the_validators(us_clip, info, job, tmp_path, make, judge):
    result = make.full_result(make.clip_frames(), statements=("Synthetic, not a measurement.",))
    assert judge(encode_result(result, info, [us_clip], job, tmp_path), [us_clip]) == []


def test_a_still_passes_the_validators(us_still, info, job, tmp_path, make, judge):
    objects = encode_result(make.full_result(make.still_frames, derived=False), info, [us_still], job, tmp_path)
    assert judge(objects, [us_still]) == []


def test_a_cine_stack_passes_the_validators(mr_stack, info, job, tmp_path, make, judge):
    objects = encode_result(make.full_result(make.stack_frames()), info, mr_stack, job, tmp_path)
    assert judge(objects, mr_stack) == []


def test_nothing_found_passes_the_validators(us_clip, info, job, tmp_path, judge):
    result = AnalysisResult(summary={}, nothing_found="Looked for bubbles.")
    assert judge(encode_result(result, info, [us_clip], job, tmp_path), [us_clip]) == []


@pytest.mark.parametrize(
    "name", ["ACUSON_65f_jpeg422_A4C", "GE_RGB_bigendian", "Philips_2f_RLE_palette", "ATL_jpeg422"]
)
def test_results_of_real_ultrasound_pass_the_validators(name, info, job, tmp_path, make, judge, needs_shared):
    path = needs_shared(f"data/dicom/ultrasound/{name}.dcm")
    header = dcmread(path, stop_before_pixels=True)
    number = 1 if "NumberOfFrames" in header else None
    frames = (FrameRef(str(header.SOPClassUID), str(header.SOPInstanceUID), number),)
    result = AnalysisResult(
        summary={},
        groups=(make.group(frames),),
        segments=(make.segment(frames, header.Rows, header.Columns),),
        derived=make.full_result(frames).derived,
    )
    assert judge(encode_result(result, info, [path], job, tmp_path), [path]) == []


def test_results_of_a_real_cine_slice_pass_the_validators(info, job, tmp_path, make, judge, needs_shared):
    paths, frames = _one_slice(needs_shared("data/lv/sunnybrook_dicom/SC-HF-I-1/dicom"), tmp_path / "sources")
    cavity = codes.Code("87878005", "SCT", "Left ventricle")
    masks = np.zeros((20, 256, 256), bool)
    masks[:, 110:140, 120:150] = True
    groups = tuple(
        make.group((ref,), f"cavity {number}", region=Region(Shape.POLYGON, ((120, 110), (149, 110), (149, 139)), ref))
        for number, ref in enumerate(frames[:3])
    )
    segment = Segment("Cavity", codes.ANATOMICAL_STRUCTURE, cavity, ArrayPixels(masks), frames, "cavity 0")
    result = AnalysisResult(summary={}, groups=groups, segments=(segment,))
    assert judge(encode_result(result, info, paths, job, tmp_path), paths) == []


def _one_slice(folder, copies):
    """20 frames as they are, with dates and UIDs that a validator can accept (leading zeros taken out)."""
    copies.mkdir()
    paths, frames = [], []
    with disable_value_validation():
        for number in range(81, 101):
            ds = dcmread(folder / f"{number}.dcm")
            for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
                setattr(ds, keyword, re.sub(r"\.0+(?=\d)", ".", str(ds[keyword].value)))
            ds.FrameOfReferenceUID = "1.2.3.4"
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            paths.append(copies / f"{number}.dcm")
            ds.save_as(paths[-1])
            frames.append(FrameRef(str(ds.SOPClassUID), str(ds.SOPInstanceUID)))
    return paths, tuple(frames)


def test_results_of_sources_with_broken_values_are_made_all_the_same(info, job, tmp_path, needs_shared):
    """UIDs with leading zeros and dates of a month 0, as they come: repeated where they identify, else left out."""
    folder = needs_shared("data/lv/sunnybrook_dicom/SC-HF-I-1/dicom")
    paths = [shutil.copy(folder / f"{number}.dcm", tmp_path) for number in range(81, 101)]
    result = AnalysisResult(summary={}, nothing_found="Nothing was looked for.")
    objects = encode_result(result, info, paths, job, tmp_path)
    header = dcmread(objects[-1].path, specific_tags=["StudyDate", "StudyInstanceUID"])
    assert header.StudyDate == ""
    with disable_value_validation():
        assert header.StudyInstanceUID == dcmread(paths[0]).StudyInstanceUID
