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
from dicom_node.encode import EncodeJob, adapt_to_peer, encode_result
from dicom_node.result import AnalysisResult, Segment
from dicom_node.series import ArrayPixels, FrameRef

pytestmark = pytest.mark.loopback

US = "1.2.840.10008.5.1.4.1.1.6.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


@pytest.fixture
def objects(make_file, tmp_path):
    """What the encoders make of one marked ultrasound image."""
    source = make_file(tmp_path / "source.dcm", US, "1.2.3.4.5")
    marked = ArrayPixels(np.eye(8, dtype=bool)[np.newaxis])
    frames = (FrameRef(US, "1.2.3.4.5"),)
    segment = Segment("Bubbles", codes.SUBSTANCE, codes.CONTRAST_AGENT, marked, frames, "bubbles")
    result = AnalysisResult(summary={}, segments=(segment,), nothing_found="Nothing was measured.")
    job = EncodeJob(datetime(2026, 3, 1, tzinfo=UTC), UUID(int=1), {})
    return encode_result(result, AlgorithmInfo("sample", "1", "Sample"), [source], job, tmp_path)


@pytest.mark.parametrize("viewer", Viewer)
def test_the_segmentation_that_arrives_is_made_for_the_viewer(world, objects, tmp_path, viewer):
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
