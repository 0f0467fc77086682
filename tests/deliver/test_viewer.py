"""A peer whose people look with OHIF: the segmentation that really reaches it, from encoder to archive."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from pydicom import dcmread

from dicom_node import codes
from dicom_node.algorithm import AlgorithmInfo
from dicom_node.archive import EmbeddedArchive
from dicom_node.config import Viewer
from dicom_node.encode import EncodeJob, ObjectRef, adapt_to_peer, encode_result
from dicom_node.result import AnalysisResult, Segment
from dicom_node.series import ArrayPixels, FrameRef

pytestmark = pytest.mark.loopback

US = "1.2.840.10008.5.1.4.1.1.6.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


@pytest.fixture
def make(make_file, tmp_path):
    """A function: what the encoders make of one ultrasound image, marked or not."""
    source = make_file(tmp_path / "source.dcm", US, "1.2.3.4.5")

    def make(name, marked=True, predecessor=()):
        masks = ArrayPixels(np.eye(8, dtype=bool)[np.newaxis])
        frames = (FrameRef(US, "1.2.3.4.5"),)
        segment = Segment("Bubbles", codes.SUBSTANCE, codes.CONTRAST_AGENT, masks, frames, "bubbles")
        segments = (segment,) if marked else ()
        result = AnalysisResult(summary={}, segments=segments, nothing_found="Nothing was measured.")
        job = EncodeJob(datetime(2026, 3, 1, tzinfo=UTC), UUID(int=1), {"part": name}, predecessor=predecessor)
        (tmp_path / name).mkdir()
        return encode_result(result, AlgorithmInfo("sample", "1", "Sample"), [source], job, tmp_path / name)

    return make


@pytest.mark.parametrize("viewer", Viewer)
def test_the_segmentation_that_arrives_is_made_for_the_viewer(world, make, tmp_path, viewer):
    objects = make("all")
    with EmbeddedArchive(tmp_path / "archive") as archive:
        world.add_peer("archive", archive.port, viewer=viewer)
        (job,) = world.encoded(objects, "1.2.3")
        assert world.deliverer(adapt_to_peer).deliver_once("archive")
    assert world.queue.get(job.id).state == "done"
    assert len(archive.kept) == len(objects)
    (arrived,) = (kept for kept in archive.kept.values() if kept.sop_class_uid == SEGMENTATION)
    dataset = dcmread(arrived.path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    assert ("PlaneOrientationSequence" in shared) == (viewer is Viewer.OHIF)
    np.testing.assert_array_equal(dataset.pixel_array, np.eye(8))
    report = dcmread(archive.kept[archive.order[-1]].path)
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    named = {one.ReferencedSOPInstanceUID for series in evidence for one in series.ReferencedSOPSequence}
    assert named == {"1.2.3.4.5", *archive.order[:-1]}


@pytest.mark.parametrize("first_marked", [False, True])
def test_a_revision_names_the_report_that_this_peer_really_has(world, make, tmp_path, first_marked):
    """One revision has a segmentation, which is rewritten for OHIF, and so its report; the other has none."""
    first = make("first", marked=first_marked)
    report = first[-1]
    before = ObjectRef("1.2.3", report.series_uid, report.sop_class_uid, report.sop_instance_uid)
    second = make("second", marked=not first_marked, predecessor=(before,))
    with EmbeddedArchive(tmp_path / "archive") as archive:
        world.add_peer("archive", archive.port, viewer=Viewer.OHIF)
        deliverer = world.deliverer(adapt_to_peer)
        (job,) = world.encoded(first, "1.2.3")
        assert deliverer.deliver_once("archive")
        sent = archive.order[-1]
        world.encoded(second, "1.2.3", revises=job.parent_id)
        assert deliverer.deliver_once("archive")
    revision = dcmread(archive.kept[archive.order[-1]].path)
    (series,) = revision.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == sent
    assert series.SeriesInstanceUID == dcmread(archive.kept[sent].path).SeriesInstanceUID
    assert (sent == report.sop_instance_uid) == (not first_marked)
