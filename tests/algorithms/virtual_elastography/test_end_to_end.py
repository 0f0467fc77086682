"""DICOM in, DICOM out: what the objects of a draft say of themselves, with networks whose answer is known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pydicom
import pytest

from dicom_node.analysis_file import read_analysis
from dicom_node.correction import Change, corrected
from dicom_node.encode import ChangedValue, Draft, EncodeJob, Outcome, Verification, encode_verified
from dicom_node.encode.comparison import rows_of
from dicom_node.run import RunOutcome, analyse

SAMPLES = Path(__file__).resolve().parents[3] / "sample_dicom" / "virtual_elastography"
PHYSICAL = ("110830", "130611", "130609")
"""Codes for measured elasticity and shear-wave speed: what is generated may not use them."""
SYNTHETIC = "Synthetic, not a measurement."


@pytest.fixture
def draft(us, tmp_path):
    """A function: further arguments of the algorithm -> the folder of a run on the sample study, and its outcome."""

    def draft(**how) -> tuple[Path, RunOutcome]:
        (tmp_path / "scratch").mkdir()
        job = EncodeJob(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), UUID(int=7), {})
        files = sorted(SAMPLES.glob("*.dcm"))
        return tmp_path / "out", analyse(us.algorithm(**how), files, job, tmp_path / "out", tmp_path / "scratch")

    return draft


def test_every_object_says_that_it_is_synthetic_and_none_names_a_physical_quantity(draft):
    folder, outcome = draft()
    roles = {entry.role for entry in outcome.objects}
    assert roles == {"elastogram_picture", "segmentation", "segmentation_2", "report"}  # two sizes of picture
    for entry in outcome.objects:
        made = pydicom.dcmread(entry.path, stop_before_pixels=True)
        text = made.to_json()
        assert SYNTHETIC in text, entry.role
        assert not [code for code in PHYSICAL if code in text], entry.role
        assert not [unit for unit in ("kPa", "m/s", "cm/s") if unit in text], entry.role
        assert "trained on simulated images only" in text, entry.role
    assert outcome.content["requires_review"] is True
    assert outcome.content["summary"]["synthetic"] is True
    assert (folder / "images.csv").read_text().count("\n") == 3


def test_the_picture_is_a_cine_of_pages_named_for_what_it_is(draft):
    folder, _ = draft()
    picture = pydicom.dcmread(folder / "elastogram_picture.dcm", stop_before_pixels=True)
    assert "SYNTHETIC elastogram - not a measurement" in picture.SeriesDescription
    assert picture.BurnedInAnnotation == "YES"
    assert picture.NumberOfFrames == 2
    assert len(picture.SourceImageSequence) == 2


def test_the_report_is_an_unverified_draft_with_score_and_region(draft):
    folder, outcome = draft()
    report = pydicom.dcmread(folder / "report.dcm")
    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    text = report.to_json()
    assert "{score}" in text
    assert "Four-point thyroid score of a synthetic elastogram" in text
    assert "Asteria" in text
    assert text.count('"POLYLINE"') == len(outcome.content["measurement_groups"])


def test_a_score_that_awaits_a_region_is_said_nowhere_until_a_person_draws_one(draft, us, tmp_path):
    folder, outcome = draft(finds=False)
    told = outcome.content
    assert (told["summary"]["score"], told["summary"]["hard_around"]) == (None, None)
    for group in told["measurement_groups"]:
        assert "{score}" not in {one["unit"] for one in group["measurements"]}
        assert not [one for one in group["measurements"] if "around" in one["name"]]
    report = pydicom.dcmread(folder / "report.dcm")
    assert not [*numbers(report, "THYROID_SCORE"), *numbers(report, "SYNTH_HARD_RING")]

    drafted = read_analysis(folder)
    (left, top), _, (right, bottom), _ = drafted.parts["region"].points
    x, y = (left + right) / 2, (top + bottom) / 2
    drawn = f"{x - 30},{y - 30} {x + 30},{y - 30} {x + 30},{y + 30} {x - 30},{y + 30}"
    confirmed = corrected(drafted, [Change("region", drawn)])
    (tmp_path / "verified").mkdir()
    act = Verification(
        "Meyer^Anna",
        "radiologist",
        "City Hospital",
        datetime(2026, 3, 5, tzinfo=UTC),
        Outcome.CORRECTED,
        changes=tuple(ChangedValue(one.what, one.before, one.after, one.because) for one in confirmed.applied),
    )
    job = EncodeJob(datetime(2026, 3, 5, tzinfo=UTC), UUID(int=7), {}, verification=act)
    files = sorted(SAMPLES.glob("*.dcm"))
    _, final = encode_verified(
        confirmed.result, us.algorithm().info, files, job, Draft(drafted, outcome.objects, True), tmp_path / "verified"
    )
    report = pydicom.dcmread(final.path)
    assert report.VerificationFlag == "VERIFIED"
    assert numbers(report, "THYROID_SCORE") == [confirmed.result.summary["score"]]
    assert numbers(report, "SYNTH_HARD_RING") == [pytest.approx(confirmed.result.summary["hard_around"])]
    assert f'"{confirmed.result.summary["score_meaning"]}"' in report.to_json()
    rows = {row.what: (row.drafted, row.confirmed) for row in rows_of(drafted, confirmed.result) if row.changed}
    assert rows["Four-point thyroid score of a synthetic elastogram"][0] == ""
    assert rows["Share of hard (blue) around the region, synthetic"][0] == ""
    assert rows["Meaning of the score"] == (
        "No score: no region was found",
        confirmed.result.summary["score_meaning"],
    )


def numbers(item, code: str) -> list[float]:
    """The numbers of that concept anywhere in a report."""
    here = item.get("ValueType") == "NUM" and item.ConceptNameCodeSequence[0].CodeValue == code
    found = [float(item.MeasuredValueSequence[0].NumericValue)] if here else []
    return found + [number for inner in item.get("ContentSequence", ()) for number in numbers(inner, code)]


def test_cannot_say_sends_no_elastogram(draft, us):
    folder, outcome = draft(test=us.unfamiliar)
    assert {entry.role for entry in outcome.objects} == {"elastogram_picture", "report"}
    report = pydicom.dcmread(folder / "report.dcm").to_json()
    assert "Cannot say" in report
    assert "9.25" in report
    assert "{score}" not in report
    picture = pydicom.dcmread(folder / "elastogram_picture.dcm", stop_before_pixels=True)
    assert "No elastogram: cannot say" in picture.SeriesDescription
