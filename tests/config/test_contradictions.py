from __future__ import annotations

import itertools

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_node.conditions import evaluate
from dicom_node.config.condition_syntax import parse_conditions
from dicom_node.config.contradictions import contradictions
from dicom_node.config.yaml_source import Problems


def condition_of(text):
    problems = Problems("routing.yaml")
    condition = parse_conditions(yaml.compose(text, Loader=yaml.SafeLoader), problems)
    assert not problems.found, problems.found
    return condition


REGION = "SequenceOfUltrasoundRegions"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Modality: US\nall: [{Modality: MR}]", 2),
        ("Modality: [US, CT]\nall: [{Modality: [MR, PT]}]", 2),
        ("Modality: {not: US}\nall: [{Modality: US}]", 2),
        ("Modality: US\nnot: {Modality: [US, MR]}", 2),
        ("Modality: US\nany:\n  - Modality: MR\n  - Modality: CT", 3),
        ("Modality:\n  equals: US\n  exists: false", 3),
        ("Modality:\n  exists: true\n  not: {exists: true}", 3),
        ("SeriesDescription: liver\nall: [{SeriesDescription: {matches: ceus}}]", 2),
        ("SeriesDescription:\n  matches: ceus\n  not: {matches: ceus}", 3),
        ("NumberOfFrames: {min: 50}\nall: [{NumberOfFrames: {max: 20}}]", 2),
        ("NumberOfFrames: {min: 50}\nall: [{NumberOfFrames: 20}]", 2),
        ("NumberOfFrames: {min: 3}\nnot: {NumberOfFrames: {min: 2}}", 2),
        ("NumberOfFrames: {min: 3}\nall: [{NumberOfFrames: {max: 4}}, {NumberOfFrames: {not: [3, 4]}}]", 2),
        ("not:\n  any:\n    - Modality: US\n    - Modality: {not: US}\nModality: {exists: true}", 4),
        ("(0008,0060): US\nall: [{Modality: MR}]", 2),
        (f"{REGION}: {{exists: false}}\n{REGION}.RegionSpatialFormat: 1", 2),
        ("ImageType: DERIVED\nnot: {ImageType: DERIVED}", 2),
        ("calling_ae: US1\nnot: {calling_ae: US1}", 2),
    ],
)
def test_what_can_never_match_is_found_at_the_later_test(text, line):
    (found,) = contradictions(condition_of(text))
    assert found.line == line
    assert "can never match" in found.message
    assert " on line " in found.message


@pytest.mark.parametrize(
    "text",
    [
        "Modality: US",
        "Modality: [US, MR]\nall: [{Modality: [MR, CT]}]",
        "ImageType: DERIVED\nall: [{ImageType: SECONDARY}]",  # several values
        f"{REGION}.RegionSpatialFormat: 1\nall: [{{{REGION}.RegionSpatialFormat: 2}}]",  # several items
        f"{REGION}: {{exists: true}}\n{REGION}.RegionSpatialFormat: {{not: 1}}",
        "NumberOfFrames: {min: 3, max: 3}\nall: [{NumberOfFrames: 3}]",
        "SliceThickness: {min: 3}\nnot: {SliceThickness: {min: 4}}",
        "SliceThickness: {min: 3, max: 4}\nnot: {SliceThickness: [3, 4]}",  # 3.5
        "SeriesDescription: {matches: ceus}\nall: [{SeriesDescription: {matches: liver}}]",
        "SeriesDescription: {matches: ceus, not: {matches: liver}}",
        "SeriesDescription: Liver CEUS\nall: [{SeriesDescription: {matches: CEUS}}]",
        "Modality: {not: US}\nall: [{Modality: {not: MR}}]",
        "Modality: {exists: false}\nall: [{Modality: {not: US}}]",
        "(0029,1010): 1\nall: [{'(0029,1010)': 2}]",  # how many values a private attribute has, nobody knows
        "SliceThickness: 5\nall: [{SliceThickness: {matches: '^5[.]0$'}}]",  # 5.0 is 5
        "PatientAge: 045Y\nall: [{PatientAge: {matches: '540M'}}]",
        "Modality: 'US '\nall: [{Modality: {matches: '^US$'}}]",  # blanks around a value do not count
        "any: [{Modality: US}, {Modality: MR}]\nall: [{any: [{Modality: MR}, {Modality: CT}]}]",
    ],
)
def test_what_may_match_is_left_alone(text):
    found = contradictions(condition_of(text))
    assert not [one for one in found if one.message.startswith("can never match")]


def test_an_alternative_that_can_never_match_is_told_at_its_own_place():
    (found,) = contradictions(condition_of("Modality: US\nany:\n  - Modality: MR\n  - Manufacturer: A\n"))
    assert (found.line, found.column) == (3, 5)
    assert found.message.startswith("has an alternative that can never match: Modality equals 'MR' contradicts")


def test_each_dead_alternative_is_told_once_and_not_what_is_inside_of_it():
    inside = "  - Modality: MR\n    any: [{Rows: 1}, {Rows: 2}]\n"
    found = contradictions(condition_of(f"Modality: US\nany:\n{inside}  - Manufacturer: A\n  - Modality: CT\n"))
    assert [one.line for one in found] == [3, 6]


def test_a_condition_of_very_many_alternatives_is_passed_over():
    either = "{any: [{Rows: 1}, {Rows: 2}]}"
    assert contradictions(condition_of(f"all: [{', '.join([either] * 14)}]")) == []


class One:
    def __init__(self, values):
        self._values = values

    def values(self, path):
        return self._values[path.text]


def conditions_on(keyword, values):
    bound = st.sampled_from(values)
    return st.one_of(
        bound.map(lambda value: {keyword: value}),
        st.lists(bound, min_size=1, max_size=2, unique=True).map(lambda some: {keyword: some}),
        st.booleans().map(lambda there: {keyword: {"exists": there}}),
        bound.map(lambda value: {keyword: {"min": value}}),
        bound.map(lambda value: {keyword: {"max": value}}),
    )


TREES = st.recursive(
    st.one_of(conditions_on("NumberOfFrames", [1, 2, 3]), conditions_on("Rows", [1, 2])),
    lambda inner: st.one_of(
        inner.map(lambda child: {"not": child}),
        st.lists(inner, min_size=1, max_size=3).map(lambda children: {"all": children}),
        st.lists(inner, min_size=1, max_size=3).map(lambda children: {"any": children}),
    ),
    max_leaves=6,
)
ALL_INSTANCES = [
    {"NumberOfFrames": frames, "Rows": rows}
    for frames, rows in itertools.product([None, (), (0,), (1,), (2,), (3,), (4,)], repeat=2)
]


@settings(deadline=None)
@given(TREES)
def test_found_exactly_where_no_instance_of_all_matches(tree):
    condition = condition_of(yaml.safe_dump(tree))
    possible = any(evaluate(condition, One(instance)).matched for instance in ALL_INSTANCES)
    dead = [one for one in contradictions(condition) if one.message.startswith("can never match")]
    assert bool(dead) is not possible
