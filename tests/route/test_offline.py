from __future__ import annotations

import json

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage

from dicom_node import MANUFACTURER
from dicom_node.errors import UsageError
from dicom_node.route import explain, explanation_text, trace_text

RULES = """\
rules:
  - name: ulm
    when:
      SOPClassUID: UltrasoundMultiFrameImageStorage
      NumberOfFrames: {min: 50}
      any:
        - ContrastBolusAgent: {exists: true}
        - SeriesDescription: {matches: "(?i)ceus"}
    run: ulm_decoupling
    send_to: []
  - name: mr
    when: {Modality: MR}
    run: other
    send_to: []
"""


def test_a_series_that_matches_and_the_first_failure_of_one_that_does_not(make, config_of):
    make("1.1", series="1", NumberOfFrames=60, SeriesDescription="CEUS liver")
    make("1.2", series="1", NumberOfFrames=1, SeriesDescription="CEUS liver")
    make("2.1", series="2", NumberOfFrames=60, SeriesDescription="liver")
    folder = make("2.2", series="2", NumberOfFrames=60, SeriesDescription="kidney").parent
    first, second = explain([folder], config_of(RULES))
    assert (first.kind, first.uid, first.instances, first.matched) == ("series", "1", 2, 1)
    ulm, mr = first.rules
    assert (ulm.matched, ulm.instances, ulm.line, ulm.algorithm) == (True, ("1.1",), 2, "ulm_decoupling")
    assert mr.failed == ("""line 12: Modality equals 'MR': saw "US\"""",)
    ulm = second.rules[0]
    assert not ulm.matched
    assert set(ulm.failed) == {
        'line 6: any of: ContrastBolusAgent exists; SeriesDescription matches "(?i)ceus": '
        f'saw ContrastBolusAgent absent; SeriesDescription "{name}" (1 of the instances)'
        for name in ("liver", "kidney")
    }
    passed = [(condition.line, condition.depth, condition.passed) for condition in ulm.conditions]
    assert passed == [(4, 0, 2), (5, 0, 2), (6, 0, 0), (7, 1, 0), (8, 1, 0)]
    assert ulm.conditions[0].seen == ('"UltrasoundMultiFrameImageStorage"',)


def test_text_and_json_say_the_same(make, config_of):
    file = make("1.1", NumberOfFrames=1)
    (explanation,) = explain([file], config_of(RULES))
    text = explanation_text(explanation)
    assert trace_text(json.loads(json.dumps(explanation.as_json()))) == text
    lines = text.splitlines()
    assert lines[0] == "series 1.2.3: 1 instance, 0 of 2 rules matched"
    assert lines[1] == "  - ulm (line 2): did not match"
    assert lines[2] == "      line 5: NumberOfFrames is at least 50: saw 1"
    assert "      -    5 NumberOfFrames is at least 50: 0 of 1 passed; saw 1" in lines
    assert "DOE" not in text


def test_studies_are_explained_where_a_rule_asks_for_them(make, config_of):
    make("1.1", series="1", Modality="MR")
    folder = make("2.1", series="2", Modality="US").parent
    rules = RULES.replace("when: {Modality: MR}", "group: study\n    when: {Modality: MR}")
    explanations = explain([folder], config_of(rules))
    assert [(one.kind, one.uid) for one in explanations] == [("series", "1"), ("series", "2"), ("study", "1.2")]
    (mr,) = explanations[-1].rules
    assert mr.instances == ("1.1",)


def test_the_association_can_be_imagined(make, config_of):
    file = make("1.1")
    config = config_of("rules: [{name: a, when: {calling_ae: US1}, run: x, send_to: []}]")
    assert explain([file], config)[0].rules[0].failed == ("line 1: calling_ae equals 'US1': saw absent",)
    assert explain([file], config, calling_ae="US1")[0].matched == 1


def test_what_reception_excludes_is_not_judged_and_says_why(make, config_of):
    equipment = Dataset()
    equipment.Manufacturer = MANUFACTURER
    make("1.1", series="1", NumberOfFrames=60, SeriesDescription="CEUS", Manufacturer=MANUFACTURER)
    make("2.1", series="2", NumberOfFrames=60, SeriesDescription="CEUS", ContributingEquipmentSequence=[equipment])
    make("3.1", series="3", SOPClassUID=ComprehensiveSRStorage, Modality="MR")
    folder = make("3.2", series="3", Modality="MR").parent
    first, second, third = explain([folder], config_of(RULES))
    assert (first.matched, second.matched, third.matched) == (0, 0, 1)
    assert first.unreadable == (("1.1", f"never routed: own output: its Manufacturer is {MANUFACTURER}"),)
    assert second.unreadable[0][1].endswith(f"{MANUFACTURER} is among its Contributing Equipment")
    assert third.unreadable == (("3.1", "never routed: no image: Comprehensive SR Storage"),)
    assert third.rules[1].instances == ("3.2",)
    assert first.rules[0].failed == ("none of the instances can be judged",)


def test_what_is_no_dicom_is_listed(make, config_of):
    folder = make("1.1").parent
    (folder / "notes.txt").write_text("hello")
    *units, rest = explain([folder], config_of(RULES))
    assert len(units) == 1
    assert (rest.kind, rest.unreadable) == ("files", ((str(folder / "notes.txt"), "is no DICOM object of a series"),))
    assert explanation_text(rest) == f"  ! {folder / 'notes.txt'}: is no DICOM object of a series"
    (folder / "empty").mkdir()
    with pytest.raises(UsageError, match="no file"):
        explain([folder / "empty"], config_of(RULES))
