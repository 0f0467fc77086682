from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_node.conditions import (
    AllOf,
    AnyOf,
    Attribute,
    Equals,
    Exists,
    Matches,
    Not,
    Range,
    TagPath,
    evaluate,
    number_of,
)

VRS = {
    "Modality": "CS",
    "SeriesDescription": "LO",
    "NumberOfFrames": "IS",
    "SliceThickness": "DS",
    "MechanicalIndex": "FL",
    "PatientAge": "AS",
    "StudyDate": "DA",
    "ImageType": "CS",
    "RegionLocationMinX0": "UL",
}


def path(keyword: str, tag: int = 0x00180001) -> TagPath:
    return TagPath(keyword, (Attribute(tag, keyword, VRS.get(keyword, "LO"), "1"),))


class Given:
    """Facts from a dict."""

    def __init__(self, **values):
        self._values = values

    def values(self, path):
        return self._values.get(path.text)


def equals(keyword, *values, line=1):
    return Equals(path(keyword), values, ", ".join(map(repr, values)), line, 1)


@pytest.mark.parametrize(
    ("condition", "values", "passes"),
    [
        (equals("Modality", "US"), ("US",), True),
        (equals("Modality", "US"), ("us",), False),
        (equals("Modality", "US"), ("US ",), True),
        (equals("Modality", "US"), None, False),
        (equals("Modality", "US"), (), False),
        (equals("Modality", "US", "MR"), ("MR",), True),
        (equals("ImageType", "DERIVED"), ("ORIGINAL", "DERIVED"), True),
        (equals("NumberOfFrames", "50"), (50,), True),
        (equals("NumberOfFrames", "50"), ("50",), True),
        (equals("NumberOfFrames", "50"), ("050",), True),
        (equals("SliceThickness", "0.50"), (0.5,), True),
        (equals("SeriesDescription", "50"), ("050",), False),  # text is text
        (equals("MechanicalIndex", "0.1"), (0.10000000149011612,), True),  # 0.1 as 32 bits
        (equals("SliceThickness", "0.1"), (0.10000000149011612,), False),
        (Range(path("MechanicalIndex"), None, 0.1, 1, 1), (0.10000000149011612,), True),  # both ends included
        (Range(path("MechanicalIndex"), None, 0.1, 1, 1), (0.11,), False),
        (Range(path("MechanicalIndex"), 0.7, None, 1, 1), (0.699999988079071,), True),
        (Matches(path("SeriesDescription"), "(?i)ceus|contrast", 1, 1), ("Liver CEUS 3",), True),
        (Matches(path("SeriesDescription"), "^CEUS", 1, 1), ("Liver CEUS",), False),
        (Range(path("NumberOfFrames"), 50, None, 1, 1), (50,), True),
        (Range(path("NumberOfFrames"), 50, None, 1, 1), (49,), False),
        (Range(path("NumberOfFrames"), None, 50, 1, 1), ("51",), False),
        (Range(path("NumberOfFrames"), 50, None, 1, 1), ("many",), False),
        (Range(path("NumberOfFrames"), 50, None, 1, 1), None, False),
        (Range(path("NumberOfFrames"), 10, 20, 1, 1), (5, 15), True),
        (Range(path("NumberOfFrames"), 10, 20, 1, 1), (5, 25), False),  # no single value is in the range
        (Range(path("PatientAge"), 18, None, 1, 1), ("017Y",), False),
        (Range(path("PatientAge"), 18, None, 1, 1), ("018Y",), True),
        (Range(path("PatientAge"), None, 1, 1, 1), ("011M",), True),
        (Range(path("StudyDate"), 20240101, None, 1, 1), ("20240101",), True),
        (Exists(path("Modality"), True, 1, 1), ("US",), True),
        (Exists(path("Modality"), True, 1, 1), (), False),
        (Exists(path("Modality"), False, 1, 1), (), True),
        (Exists(path("Modality"), False, 1, 1), None, True),
        (Not(equals("Modality", "US"), 1, 1), ("MR",), True),
        (Not(equals("Modality", "US"), 1, 1), None, True),
        (Not(equals("ImageType", "DERIVED"), 1, 1), ("ORIGINAL", "DERIVED"), False),
    ],
)
def test_each_test_means_what_the_reference_says(condition, values, passes):
    test = condition.child if isinstance(condition, Not) else condition
    assert evaluate(condition, Given(**{test.path.text: values})).matched is passes


US, MANY = equals("Modality", "US", line=2), Range(path("NumberOfFrames"), 50, None, 3, 1)
CEUS = Matches(path("SeriesDescription"), "ceus", 5, 1)
TREE = AllOf((US, MANY, AnyOf((CEUS, Exists(path("ContrastBolusAgent"), True, 6, 1)), 4, 1)), 1, 1)


def test_groups_and_the_first_failure():
    good = evaluate(TREE, Given(Modality=("US",), NumberOfFrames=(60,), SeriesDescription=("ceus",)))
    assert good.matched
    assert good.first_failure() is None
    few = evaluate(TREE, Given(Modality=("US",), NumberOfFrames=(3,), SeriesDescription=("ceus",)))
    failure = few.first_failure()
    assert (failure.line, failure.path, failure.wanted, failure.seen) == (3, "NumberOfFrames", "is at least 50", "3")
    neither = evaluate(TREE, Given(Modality=("US",), NumberOfFrames=(60,), SeriesDescription=("liver",)))
    failure = neither.first_failure()
    assert failure.line == 4
    assert failure.text == 'any of: SeriesDescription matches "ceus"; ContrastBolusAgent exists'
    assert failure.seen == 'SeriesDescription "liver"; ContrastBolusAgent absent'


def test_every_condition_says_what_it_saw_even_after_one_failed():
    trace = evaluate(TREE, Given(NumberOfFrames=("few",)))
    assert [(depth, node.line, node.seen, node.passed) for depth, node in trace.walk() if node.path] == [
        (1, 2, "absent", False),
        (1, 3, '"few" (no number)', False),
        (2, 5, "absent", False),
        (2, 6, "absent", False),
    ]


def test_not_reads_naturally():
    trace = evaluate(Not(US, 1, 1), Given(Modality=("US",)))
    assert (trace.text, trace.seen, trace.passed) == ("Modality not equals 'US'", '"US"', False)
    trace = evaluate(Not(AnyOf((US, CEUS), 4, 1), 1, 1), Given(Modality=("US",)))
    assert (trace.wanted, trace.passed) == ("none of", False)
    assert trace.first_failure() is trace


@pytest.mark.parametrize(
    ("tag", "vr"),
    [
        (0x00100010, "PN"),
        (0x00101010, "AS"),
        (0x00080050, "SH"),
        (0x00080090, "PN"),
        (0x00120040, "LO"),  # ClinicalTrialSubjectID
        (0x00200010, "SH"),  # StudyID
        (0x00204000, "LT"),  # ImageComments
        (0x00402017, "LO"),  # FillerOrderNumberImagingServiceRequest
        (0x00291010, ""),
    ],
)
def test_what_may_identify_a_patient_is_compared_but_never_shown(tag, vr):
    who = TagPath("Who", (Attribute(tag, "Who", vr, "1"),))
    trace = evaluate(Equals(who, ("DOE^JANE",), "'DOE^JANE'", 7, 1), Given(Who=("DOE^JANE",)))
    assert trace.matched
    assert "DOE" not in repr(trace)
    assert trace.seen == "(present, not shown)"
    assert "line 7" in trace.wanted


def test_shown_values_are_short_and_on_one_line():
    seen = evaluate(CEUS, Given(SeriesDescription=("a\nb\x1b[31m", "x" * 500, *"cdefghijkl"))).seen
    assert "\n" not in seen
    assert "\x1b" not in seen
    assert len(seen) < 300
    assert seen.endswith("and 4 more")


def test_a_pattern_that_would_hang_other_engines_does_not():
    evil = Matches(path("SeriesDescription"), r"^(\w+\s?)*$", 1, 1)
    assert not evaluate(evil, Given(SeriesDescription=("a" * 9000 + "!",))).matched


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", "0x10", "1e999", "9" * 5000, "½", "１２", "1 2", "--1"])
def test_what_is_no_number_is_none(text):
    assert number_of(text, "DS") is None


VALUES = st.one_of(
    st.none(), st.lists(st.one_of(st.text(st.characters()), st.floats(), st.integers()), max_size=4).map(tuple)
)
TESTS = st.one_of(
    st.builds(Equals, st.sampled_from([path(k) for k in VRS]), st.tuples(st.text()), st.text(), st.just(1), st.just(1)),
    st.builds(Matches, st.sampled_from([path(k) for k in VRS]), st.just("(a|b)*c"), st.just(1), st.just(1)),
    st.builds(Range, st.sampled_from([path(k) for k in VRS]), st.floats(), st.integers(), st.just(1), st.just(1)),
    st.builds(Exists, st.sampled_from([path(k) for k in VRS]), st.booleans(), st.just(1), st.just(1)),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple), st.just(1), st.just(1)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple), st.just(1), st.just(1)),
        st.builds(Not, inner, st.just(1), st.just(1)),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(CONDITIONS, st.dictionaries(st.sampled_from(list(VRS)), VALUES))
def test_evaluation_never_raises_and_not_is_the_opposite(condition, values):
    trace = evaluate(condition, Given(**values))
    assert evaluate(Not(condition, 1, 1), Given(**values)).matched is not trace.matched
    assert (trace.first_failure() is None) is trace.matched
    repr(trace).encode()
