from __future__ import annotations

import pytest
import yaml

from dicom_node.conditions import AllOf, AnyOf, Equals, Matches, Not, Range
from dicom_node.config.condition_syntax import parse_conditions
from dicom_node.config.yaml_source import Problems


def parse(text):
    problems = Problems("routing.yaml")
    condition = parse_conditions(yaml.compose(text, Loader=yaml.SafeLoader), problems)
    return condition, [(p.line, p.column, p.message) for p in problems.found]


def parsed(text):
    condition, problems = parse(text)
    assert not problems
    return condition


def test_a_scalar_is_equals_as_written_not_as_yaml_reads_it():
    for text in ("Modality: NO", "Modality: 'NO'"):  # YAML 1.1 reads the first as false
        assert parsed(text).values == ("NO",)
    assert parsed("PatientID: 007").values == ("007",)
    assert parsed("NumberOfFrames: '50'").values == ("50",)


def test_tests_of_one_attribute_hold_together():
    condition = parsed("SeriesDescription: {matches: ceus, not: [a, b]}")
    assert isinstance(condition, AllOf)
    matches, no = condition.children
    assert isinstance(matches, Matches)
    assert isinstance(no, Not)
    assert no.child.values == ("a", "b")
    between = parsed("NumberOfFrames: {min: 2, max: 3}")
    assert isinstance(between, Range)
    assert (between.minimum, between.maximum) == (2, 3)


def test_groups_nest():
    condition = parsed("any: [{Modality: US}, {all: [{Modality: MR}, {not: {Manufacturer: X}}]}]")
    assert isinstance(condition, AnyOf)
    assert isinstance(condition.children[0], Equals)
    assert isinstance(parsed("all: [{Modality: US}]"), AllOf)
    inner = condition.children[1].children[1]
    assert isinstance(inner, Not)


@pytest.mark.parametrize(
    ("key", "tags", "vr"),
    [
        ("Modality", [0x00080060], "CS"),
        ("(0008,0060)", [0x00080060], "CS"),
        ("0008,0060", [0x00080060], "CS"),
        ("(0029,1010)", [0x00291010], ""),
        ("(60FE,3000)", [0x60FE3000], "OB"),
        ("SequenceOfUltrasoundRegions.RegionSpatialFormat", [0x00186011, 0x00186012], "US"),
        ("(0018,6011).(0018,6012)", [0x00186011, 0x00186012], "US"),
        ("TransferSyntaxUID", [0x00020010], "UI"),
        ("calling_ae", [], "AE"),
    ],
)
def test_paths(key, tags, vr):
    path = parsed(f'"{key}": {{exists: true}}').path
    assert ([step.tag for step in path.steps], path.vr, path.text) == (tags, vr, key)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SOPClassUID: CTImageStorage", "1.2.840.10008.5.1.4.1.1.2"),
        ("SOPClassUID: 1.3.46.670589.5.0.2", "1.3.46.670589.5.0.2"),
        ("TransferSyntaxUID: JPEGBaseline8Bit", "1.2.840.10008.1.2.4.50"),
        ("FrameIncrementPointer: FrameTime", "(0018,1063)"),
        ("FrameIncrementPointer: (0018,1063)", "(0018,1063)"),
        ("StudyDate: 2024-03-01", "20240301"),
        ("PatientAge: 045Y", "045Y"),
    ],
)
def test_values_are_what_an_instance_would_have(text, value):
    assert parsed(text).values == (value,)


@pytest.mark.parametrize(
    ("text", "line", "column", "part"),
    [
        ("{}", 1, 1, "when is empty: needs a test"),
        ("Modality:", 1, 1, "Modality has no value: write one, or {exists: false}"),
        ("Modality: []", 1, 11, "an empty list, which could never match"),
        ("Modality: {}", 1, 11, "has no test: needs equals, matches, min, max, exists or not"),
        ("Modality: [[US]]", 1, 12, "a value of Modality is a list"),
        ("Modality: {equal: US}", 1, 12, "unknown test 'equal' of Modality"),
        ("Modality: {equal: US}", 1, 12, "did you mean 'equals'?"),
        ("Modality: {min: 3}", 1, 12, "is no number (its VR is CS), so min and max cannot test it"),
        ("Modality: {exists: maybe}", 1, 20, "exists is 'maybe': needs true or false"),
        ("Modality: {matches: '(?!US)'}", 1, 21, "look-ahead does not exist in RE2: use not"),
        ("Modality: {matches: ''}", 1, 21, "needs a regular expression"),
        ("Modality: {matches: [a]}", 1, 21, "matches is a list"),
        ("Modality: US\nModality: MR", 2, 1, "comes twice"),
        ("modality: US", 1, 1, "did you mean 'Modality'?"),
        ("SeriesDesc: US", 1, 1, "did you mean 'SeriesDescription'?"),
        ("caling_ae: US", 1, 1, "did you mean 'calling_ae'?"),
        ("SeriesDescription.Modality: US", 1, 1, "SeriesDescription is no sequence (its VR is LO)"),
        ("Modality..x: US", 1, 1, "is no attribute"),
        ("SequenceOfUltrasoundRegions: 1", 1, 1, "is a sequence: needs exists: true or exists: false"),
        ("SequenceOfUltrasoundRegions: {min: 1}", 1, 31, "name an attribute inside it"),
        ("RedPaletteColorLookupTableData: x", 1, 1, "is binary (VR OW)"),
        ("PixelData: {exists: true}", 1, 1, "pixel data is not read for routing"),
        ("NumberOfFrames: fifty", 1, 17, "needs a whole number (its VR is IS)"),
        ("NumberOfFrames: 50.5", 1, 17, "needs a whole number"),
        ("NumberOfFrames: {min: fifty}", 1, 23, "min is 'fifty': needs a number"),
        ("NumberOfFrames: {min: 3, max: 2}", 1, 23, "min 3 is greater than max 2"),
        ("SOPClassUID: UltrasoundMultiframeImageStorage", 1, 14, "did you mean 'UltrasoundMultiFrameImageStorage'?"),
        ("SOPClassUID: ExplicitVRLittleEndian", 1, 14, "needs a UID or its name"),
        ("FrameIncrementPointer: FrameTim", 1, 24, "did you mean 'FrameTime'?"),
        ("StudyDate: 1 March", 1, 12, "needs a date as yyyymmdd or yyyy-mm-dd"),
        ("PatientAge: old", 1, 13, "needs an age such as 045Y"),
        ("any: []", 1, 6, "any is an empty list, which could never match"),
        ("all: []", 1, 6, "all is an empty list, which would always match"),
        ("any: {Modality: US}", 1, 6, "any is a mapping: needs a list of conditions"),
        ("any:", 1, 1, "any is empty: needs a list of conditions"),
        ("any: [US]", 1, 7, "an item of any is 'US': needs a key with a test"),
        ("not: {}", 1, 6, "not is empty"),
        ("not: [{Modality: US}, {Modality: MR}]", 1, 6, "for one of several write any:"),
        ("- Modality: US", 1, 1, "when is a list: needs keys with values, such as Modality: US"),
        ("Modality == US", 1, 1, "when is 'Modality == US': needs a key with a test"),
        ("ImageType: ORIGINAL\\PRIMARY", 1, 12, "needs all: [{ImageType: ORIGINAL}, {ImageType: PRIMARY}]"),
        ("calling_ae: ULTRASOUND_OF_ROOM_3", 1, 13, "has 20: an AE title has 16 characters at most"),
        ("StudyDate: {min: 31.12.2024}", 1, 18, "needs a date as yyyymmdd or yyyy-mm-dd"),
        ("PatientAge: {min: 18 years}", 1, 19, "needs an age such as 045Y or 006M, or a number of years"),
        ("or: [{Modality: US}]", 1, 1, "did you mean 'any'?"),
        ("AETitle: US1", 1, 1, "did you mean 'calling_ae'?"),
        ("00280008: 3", 1, 1, "did you mean '(0028,0008)'?"),
        ("0028.0008: 3", 1, 1, "did you mean '(0028,0008)'?"),
        ("any: [{(0018,0010): {exists: true}}]", 1, 8, 'inside { } a number needs quotes: "(0018,0010)"'),
        ("NumberOfFrames: {minimum: 3}", 1, 18, "did you mean 'min'?"),
        ("SeriesDescription: {contains: x}", 1, 21, "did you mean 'matches'?"),
        ("[Modality]: US", 1, 1, "a key of when is a list"),
    ],
)
def test_mistakes(text, line, column, part):
    problems = parse(text)[1]
    assert any((at, col) == (line, column) and part in message for at, col, message in problems), problems


def test_one_mistake_hides_no_other():
    condition, problems = parse("Modalty: US\nNumberOfFrames: x\nany:\n  - Modality: {}\n  - Rows: {max: y}\n")
    assert condition is None
    assert [(line, column) for line, column, _ in problems] == [(1, 1), (2, 17), (4, 15), (5, 17)]


def test_a_patient_in_the_file_is_not_in_the_message():
    problems = parse("PatientBirthDate: 1 Jan 1970\nPatientSize: tall-jane\nPatientName: {matches: 'jane('}\n")[1]
    assert len(problems) == 3
    assert not any("1970" in message or "jane" in message for _, _, message in problems)
