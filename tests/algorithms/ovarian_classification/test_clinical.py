"""Age, CA-125 and report: told beside the score, never part of it, and no value or word of them in a remark."""

from __future__ import annotations

import json

import pytest

from algorithms.ovarian_classification.clinical import clinical_of
from dicom_node.series import Series

SECRET = "Jane Roe, 4711"


def beside(folder, content, study: str = "1.9.9"):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / f"{study}.json").write_text(text)
    return str(folder)


@pytest.fixture
def examination(ovary):
    return lambda **attributes: ovary.stills(1, **attributes)


@pytest.mark.parametrize(
    ("header", "years"),
    [("045Y", 45.0), ("018M", 1.5), ("052W", 364 / 365.25), ("045y", None), ("45", None), ("", None)],
)
def test_the_age_is_read_as_dicom_writes_it(examination, header, years):
    told = clinical_of(examination(PatientAge=header), "")
    assert told.age_years == (None if years is None else pytest.approx(years))
    assert bool(told.remarks) is (bool(header) and years is None)


def test_the_file_of_the_examination_is_read(examination, tmp_path):
    folder = beside(tmp_path, {"ca125_u_per_ml": 35, "report_text": SECRET})
    told = clinical_of(examination(), folder)
    assert (told.ca125_u_per_ml, told.has_report, told.remarks) == (35.0, True, ())
    assert clinical_of(examination(), str(tmp_path / "nowhere")) == clinical_of(examination(), "")


@pytest.mark.parametrize(
    ("content", "remark"),
    [
        ("{", "is no JSON; left aside"),
        (SECRET, "is no JSON; left aside"),
        ([SECRET], "no JSON object"),
        ({"ca125_u_per_ml": SECRET}, "is no number of 0 to 1e+06"),
        ({"ca125_u_per_ml": -1}, "is no number"),
        ({"ca125_u_per_ml": True}, "is no number"),
        ('{"ca125_u_per_ml": NaN}', "is no number"),
        ('{"ca125_u_per_ml": Infinity}', "is no number"),
        ('{"ca125_u_per_ml": 1' + 400 * "0" + "}", "is no number"),  # more than a float can hold
        ({"report_text": 4711}, "report_text is no text"),
        ({SECRET: 1}, "keys not known are left aside (1)"),
    ],
)
def test_what_is_broken_is_remarked_on_without_its_content(examination, tmp_path, content, remark):
    told = clinical_of(examination(), beside(tmp_path, content))
    assert remark in told.remarks[0]
    assert not [word for word in ("Jane", "4711") if word in " ".join(told.remarks)]
    assert (told.ca125_u_per_ml, told.has_report) == (None, False)


def test_a_study_uid_that_is_none_opens_no_file(ovary, tmp_path):
    (tmp_path / "in").mkdir()
    beside(tmp_path, {"ca125_u_per_ml": 35}, "1")
    told = clinical_of(Series("../1", ovary.stills(1).volumes), str(tmp_path / "in"))
    assert told.ca125_u_per_ml is None
    assert "is none" in told.remarks[0]


def test_the_score_is_the_same_with_and_without(ovary, tmp_path):
    folder = beside(tmp_path, {"ca125_u_per_ml": 3500.5, "report_text": SECRET})
    alone = ovary.run(ovary.answer())
    told = ovary.run(ovary.answer(), attributes={"PatientAge": "061Y"}, clinical_folder=folder)
    assert told.summary == alone.summary
    assert told.groups == alone.groups
    assert "known besides, and not used: age 61 years by the header, CA-125 3500.5 U/ml" in told.notes
    assert any("its words were not used and are not kept" in note for note in told.notes)
    assert SECRET not in repr(told)


def test_the_folder_is_in_no_result(ovary, tmp_path):
    algorithm = ovary.algorithm(ovary.answer(), clinical_folder=str(tmp_path))
    assert not [text for text in algorithm.info.parameters if str(tmp_path) in text]
