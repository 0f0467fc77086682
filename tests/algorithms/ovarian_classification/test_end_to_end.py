"""DICOM in, DICOM out: what the objects of a result say, with networks whose answers are known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless

from algorithms.ovarian_classification.phantom import SimulatedPicture
from dicom_node.correction import Change, corrected
from dicom_node.encode import ChangedValue, Draft, EncodeJob, Outcome, Verification, encode_verified
from dicom_node.run import RunOutcome, analyse
from sample_dicom import pelvis
from sample_dicom.part10 import write

REPORT = "1.2.840.10008.5.1.4.1.1.88.34"


def items(dataset, name: str) -> list:
    """Content items of that concept, at any depth."""
    found = []
    for item in dataset.get("ContentSequence", []):
        concept = item.get("ConceptNameCodeSequence")
        found += [item] if concept and concept[0].CodeValue == name else []
        found += items(item, name)
    return found


@pytest.fixture(scope="module")
def sources(ovary, tmp_path_factory):
    """Picture 0 as a still, picture 1 as a still, pictures 2 and 3 as a clip; each with a region beside a margin."""

    def shown(number: int) -> SimulatedPicture:
        screen = np.zeros((140, 180, 3), np.uint8)
        screen[10:130, 10:170] = ovary.picture(number)[..., None]
        nothing = np.zeros((140, 180), bool)
        return SimulatedPicture(screen, "drawn", {}, nothing, None, (10, 10, 169, 129), 0.5)

    folder = tmp_path_factory.mktemp("in")
    for place, numbers in enumerate(((0,), (1,), (2, 3)), start=1):
        sample = pelvis.Sample(f"test_{place}", tuple(shown(number) for number in numbers))
        write(pelvis.image(sample, place), folder / f"{place}.dcm", RLELossless)
    return sorted(folder.glob("*.dcm"))


@pytest.fixture(scope="module")
def outcome(ovary, sources, tmp_path_factory):
    """A function: answers and options -> what a run leaves."""

    def outcome(*answers, **options) -> RunOutcome:
        folder = tmp_path_factory.mktemp("run")
        (folder / "scratch").mkdir()
        job = EncodeJob(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), UUID(int=7), {})
        return analyse(ovary.algorithm(*answers, **options), sources, job, folder / "out", folder / "scratch")

    return outcome


@pytest.fixture(scope="module")
def mixed(ovary, outcome) -> RunOutcome:
    """A lesion, an ovary, a dropped frame, a frame without an outline."""
    dropped = ovary.answer(used=False, reason="undetermined: what the image shows cannot be told (P = 0.80)")
    return outcome(ovary.answer(0.95, 0.9), ovary.answer(p_lesion=0.2), dropped, ovary.answer(lesion_px=None))


def test_every_object_says_that_it_is_for_research(mixed):
    assert {entry.role for entry in mixed.objects} == {"activation_maps", "segmentation", "report"}
    for entry in mixed.objects:
        text = pydicom.dcmread(entry.path, stop_before_pixels=True).to_json()
        assert "For research use" in text, entry.role
        assert "without a stated licence" in text, entry.role
        assert "simulated pictures only" in text, entry.role


def test_the_report_has_the_examination_and_every_image(mixed):
    report = pydicom.dcmread(mixed.objects[-1].path)
    assert report.SOPClassUID == REPORT
    groups = items(report, "125007")
    assert [items(group, "112039")[0].TextValue for group in groups] == [
        "examination", "image 1", "image 2", "image 3", "image 4",
    ]  # fmt: skip
    examination, lesion, ovary, dropped, bare = groups
    (theta,) = items(examination, "THETA")
    assert float(theta.MeasuredValueSequence[0].NumericValue) == pytest.approx(mixed.content["summary"]["theta"])
    (probability,) = items(examination, "111047")
    assert probability.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "1"
    assert items(examination, "DECISION")[0].ConceptCodeSequence[0].CodeValue == "malignant"
    assert items(examination, "SCORE_BASIS")[0].TextValue.startswith("the images alone")
    for group, area in ((lesion, 1), (ovary, 1), (dropped, 0), (bare, 0)):
        assert len(items(group, "42798000")) == area
    assert "undetermined" in items(dropped, "USE_REASON")[0].TextValue
    assert not items(dropped, "P_RESNET50")
    assert items(dropped, "IMAGE_USE")[0].ConceptCodeSequence[0].CodeValue == "excluded"
    for group in groups:  # viewers refuse a group without coordinates
        assert "SCOORD" in group.to_json()


def test_outlines_lie_where_the_picture_lies_on_the_screen(mixed):
    report = pydicom.dcmread(mixed.objects[-1].path)
    (area,) = items(items(report, "125007")[1], "42798000")
    (coordinates,) = (item for item in area.ContentSequence if item.ValueType == "SCOORD")
    x, y = np.reshape(coordinates.GraphicData, (-1, 2)).T
    # 20..60 x 30..50 of the picture, which begins at 10, 10 of the screen; edges of pixels
    assert (x.min(), x.max(), y.min(), y.max()) == pytest.approx((30, 70, 40, 60), abs=0.3)


def test_the_segmentation_marks_lesion_and_ovary_and_shares_the_reports_names(mixed):
    made = {entry.role: pydicom.dcmread(entry.path) for entry in mixed.objects}
    segments = made["segmentation"].SegmentSequence
    assert [segment.SegmentLabel for segment in segments] == ["Lesion, image 1", "Ovary, image 2"]
    masks = made["segmentation"].pixel_array
    assert masks.shape == (2, 140, 180)
    assert masks[0, 40:60, 30:70].all()
    assert masks[0].sum() == 800
    tracked = {items(group, "112040")[0].UID for group in items(made["report"], "125007")}
    assert {segment.TrackingUID for segment in segments} <= tracked


def test_the_pages_are_a_cine_of_what_was_used_and_what_was_not(mixed):
    pages = pydicom.dcmread(mixed.objects[0].path, stop_before_pixels=True)
    assert pages.NumberOfFrames == 4
    assert pages.BurnedInAnnotation == "YES"
    shown = {item.ReferencedSOPInstanceUID for item in pages.SourceImageSequence}
    assert shown == set(mixed.content["source"]["instances"])


def test_the_table_has_a_row_for_each_image(mixed):
    rows = (mixed.objects[0].path.parent / "images.csv").read_text().splitlines()
    assert len(rows) == 5
    assert rows[0].startswith("sop_instance_uid,frame_number,used,reason")


def test_a_decision_is_final_and_an_abstention_asks_for_a_person(ovary, outcome):
    made = outcome(*[ovary.answer(0.4, 0.4)] * 4)
    assert made.content["summary"]["decision"] == "abstain"
    assert made.content["requires_review"] is True
    report = pydicom.dcmread(made.objects[-1].path)
    assert report.PreliminaryFlag == "PRELIMINARY"


def test_what_a_reviewer_excludes_is_told_in_the_verified_report(ovary, mixed, sources, judged, tmp_path):
    done = corrected(mixed.result, [Change("use_1", "excluded"), Change("lesion_2", "30,40 90,40 90,80")])
    at = datetime(2026, 3, 5, tzinfo=UTC)
    changes = tuple(ChangedValue(one.what, one.before, one.after) for one in done.applied)
    said = "Image 1 shows bowel."
    act = Verification("Meyer^Anna", "radiologist", "City Hospital", at, Outcome.CORRECTED, said, changes)
    job = EncodeJob(at, UUID(int=7), {}, verification=act)
    draft = Draft(mixed.result, mixed.objects, sent=True)
    made = encode_verified(done.result, ovary.algorithm().info, sources, job, draft, tmp_path)
    assert [entry.role for entry in made] == ["pdf", "report"]
    assert [error for entry in made for error in judged("/usr/bin/dciodvfy", entry.path)] == []
    report = pydicom.dcmread(made[-1].path)
    assert report.VerificationFlag == "VERIFIED"
    first = items(report, "125007")[1]
    assert items(first, "IMAGE_USE")[0].ConceptCodeSequence[0].CodeValue == "excluded"
    assert items(first, "USE_REASON")[0].TextValue == "excluded by the reviewer"
    (theta,) = items(items(report, "125007")[0], "THETA")
    assert float(theta.MeasuredValueSequence[0].NumericValue) == pytest.approx(done.result.summary["theta"])


def test_without_an_outline_there_is_no_segmentation(ovary, outcome):
    made = outcome(*[ovary.answer(0.0, 0.0, lesion_px=None)] * 4)
    assert {entry.role for entry in made.objects} == {"activation_maps", "report"}
    assert made.content["requires_review"] is False


def test_the_objects_pass_the_validator(mixed, judged):
    errors = [error for entry in mixed.objects for error in judged("/usr/bin/dciodvfy", entry.path)]
    assert errors == []


def test_they_belong_to_the_sources(mixed, sources, judged):
    assert judged("/usr/bin/dcentvfy", *sources, *(Path(entry.path) for entry in mixed.objects)) == []


def test_a_path_of_this_machine_and_clinical_words_are_in_no_object(ovary, outcome, tmp_path):
    folder = tmp_path / "clinical"
    folder.mkdir()
    study = pelvis.uid("pelvis/study")
    (folder / f"{study}.json").write_text('{"ca125_u_per_ml": 87.5, "report_text": "Jane Roe has a mass"}')
    made = outcome(*[ovary.answer()] * 4, clinical_folder=str(folder))
    texts = [pydicom.dcmread(entry.path).to_json() for entry in made.objects] + [repr(made.content)]
    assert not [word for text in texts for word in (str(folder), "Jane Roe") if word in text]
    report = pydicom.dcmread(made.objects[-1].path)
    assert "CA-125 87.5 U/ml" in report.to_json()
