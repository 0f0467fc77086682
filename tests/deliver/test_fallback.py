"""A peer that takes neither 3D reports, segmentations nor ultrasound clips: from the encoders to its archive."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node import codes
from dicom_node.algorithm import AlgorithmInfo
from dicom_node.archive import Behaviour, EmbeddedArchive
from dicom_node.encode import EncodeJob, ObjectRef, adapt_to_peer, encode_result
from dicom_node.result import AnalysisResult, DerivedSeries, Measurement, MeasurementGroup, Picture, ScalarMap, Segment
from dicom_node.series import ArrayPixels, FrameRef

pytestmark = pytest.mark.loopback

CLIP = Path(__file__).resolve().parents[2] / "sample_dicom" / "ulm_decoupling" / "ulm_phantom.dcm"
ULTRASOUND_CLIP, SEGMENTATION, COMPREHENSIVE_3D, COMPREHENSIVE, TRUE_COLOUR, GREY_CLIP, CAPTURE = (
    f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("3.1", "66.4", "88.34", "88.33", "7.4", "7.2", "7")
)
REFUSED = (COMPREHENSIVE_3D, SEGMENTATION, ULTRASOUND_CLIP, TRUE_COLOUR)


@pytest.fixture
def objects(tmp_path):
    """Of each kind one: what encode_result makes of three frames of the sample clip, for a revision."""
    frames = tuple(FrameRef(ULTRASOUND_CLIP, str(header().SOPInstanceUID), number) for number in (1, 2, 3))
    masks, colour = np.zeros((3, 128, 128), bool), np.zeros((3, 32, 32, 3), np.uint8)
    masks[:, 40:50, 60:70] = True
    colour[..., 1] = np.arange(32)
    bubbles = codes.local("BUBBLES", "Bubbles")
    count = (Measurement(bubbles, 3, codes.COUNT),)
    result = AnalysisResult(
        summary={},
        groups=(MeasurementGroup("bubbles", codes.CONTRAST_AGENT, frames, measurements=count),),
        segments=(Segment("Bubbles", codes.SUBSTANCE, codes.CONTRAST_AGENT, ArrayPixels(masks), frames, "bubbles"),),
        pictures=(
            Picture("Still", ArrayPixels(colour[:1]), frames, "still"),
            Picture("Tracks", ArrayPixels(colour), frames, "tracks", frame_time_s=0.2),
        ),
        maps=(ScalarMap("Density", colour[0, ..., 1].astype(float), bubbles, codes.COUNT, frames, "density"),),
        derived=(
            DerivedSeries("Decoupled", ArrayPixels(colour[..., 1]), frames, "decoupled", bubbles, "By hand.", 0.1),
        ),
    )
    before = ObjectRef(str(header().StudyInstanceUID), "2.25.5", COMPREHENSIVE_3D, "2.25.6")
    job = EncodeJob(datetime(2026, 3, 1, tzinfo=UTC), UUID(int=1), {}, predecessor=(before,))
    return encode_result(result, AlgorithmInfo("sample", "1", "Sample"), [CLIP], job, tmp_path)


@pytest.fixture
def dciodvfy_errors(needs_program):
    program = needs_program("/usr/bin/dciodvfy")

    def judge(path: Path) -> list[str]:
        told = subprocess.run([program, path], capture_output=True, text=True, errors="replace", check=False).stderr
        return [line for line in told.splitlines() if line.startswith("Error")]

    return judge


def header() -> Dataset:
    return dcmread(CLIP, stop_before_pixels=True)


def references(item: Dataset) -> Iterator[tuple[str, str]]:
    """(SOP class, SOP instance) of every reference below ``item``, that to the predecessor excepted."""
    if "ReferencedSOPInstanceUID" in item:
        yield str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID)
    for element in item:
        if element.VR == "SQ" and element.keyword != "PredecessorDocumentsSequence":
            for child in element.value:
                yield from references(child)


def test_what_arrives_is_whole_refers_to_what_arrived_and_came_once(world, objects, tmp_path, dciodvfy_errors):
    broken: list[str] = []

    def break_off_once(request):
        if request.number == 2:
            broken.append(request.sop_instance_uid)
            request.abort()

    behaviour = Behaviour(refused_sop_classes=REFUSED, after=break_off_once)
    with EmbeddedArchive(tmp_path / "archive", behaviour=behaviour) as archive:
        world.add_peer("archive", archive.port)
        (job,) = world.encoded(objects, str(header().StudyInstanceUID))
        assert world.deliverer(adapt_to_peer).deliver_once("archive")
        assert world.queue.get(job.id).state == "waiting"
        world.now += 60
        assert world.deliverer(adapt_to_peer).deliver_once("archive")  # rewritten anew, under the same names
    assert world.queue.get(job.id).state == "done"
    assert broken == [archive.order[1]]
    assert set(archive.times_stored.values()) == {1}

    kept = archive.kept
    classes = [kept[uid].sop_class_uid for uid in archive.order]
    assert classes == [CAPTURE, CAPTURE, CAPTURE, GREY_CLIP, COMPREHENSIVE]
    states = world.rows(job)
    assert {uid for uid, row in states.items() if row["state"] == "delivered"} == set(kept)
    assert {row["role"] for row in states.values() if row["state"] == "skipped"} == {
        "tracks", "segmentation", "decoupled", "report",
    }  # fmt: skip

    there = {(entry.sop_class_uid, uid) for uid, entry in kept.items()}
    source = (ULTRASOUND_CLIP, str(header().SOPInstanceUID))
    for entry in kept.values():
        assert set(references(dcmread(entry.path))) <= {*there, source}
        assert dciodvfy_errors(entry.path) == []
    report = dcmread(kept[archive.order[-1]].path)
    assert set(references(report)) == {source, *there} - {(COMPREHENSIVE, report.SOPInstanceUID)}
    named = {
        (series.SeriesInstanceUID, one.ReferencedSOPInstanceUID)
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert {(entry.header.SeriesInstanceUID, uid) for uid, entry in kept.items() if uid != archive.order[-1]} <= named
