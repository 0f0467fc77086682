"""Keys, formulas and the summary are checked where a result is made, so that a wrong one fails at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicom_node.codes import LEFT_VENTRICLE, MILLIMETRE, NO_UNITS, local
from dicom_node.correction import Change, corrected
from dicom_node.result import AnalysisResult, Evaluation, Measurement, MeasurementGroup, Region, Shape
from dicom_node.series import FrameRef

FRAME = FrameRef("1.2", "1.2.3", 1)
LINE = Region(Shape.POLYLINE, ((10.0, 10.0), (10.0, 60.0)), FRAME, key="line", per_px=((1, MILLIMETRE),) * 2)
LENGTH, GRADE = local("LENGTH", "Length"), local("GRADE", "Grade")
BENIGN, MALIGNANT = local("B", "Benign"), local("M", "Malignant")


def number(key, value, formula=None, **more):
    return Measurement(LENGTH, value, MILLIMETRE, key=key, formula=formula, **more)


def result(*measurements, evaluations=(), summary=None):
    group = MeasurementGroup("thing", LEFT_VENTRICLE, (FRAME,), measurements=measurements, evaluations=evaluations)
    return AnalysisResult(summary or {}, (group,))


def test_parts_are_found_by_key_and_a_line_with_two_readers_is_one():
    made = result(number("d", 50.0, "length(line)", inferred_from=LINE), number("e", 5, inferred_from=(LINE,)))
    assert list(made.parts) == ["d", "e", "line"]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([number("d", 1.0), number("d", 1.0)], "key 'd' names two different things"),
        ([number("line", 1.0, inferred_from=LINE)], "key 'line' names two different things"),
        ([number("2d", 1.0)], "key '2d' is no name"),
        ([number("area", 1.0)], "key 'area' is the name of a function"),
        ([number("d", 1.0, "e * 2")], "of 'd', 'e \\* 2', names 'e', which nothing in the result has as its key"),
        ([number("d", 1.0, "e"), number("e", 1.0, "d")], "in a circle"),
        ([number("d", 50.001, "length(line)", inferred_from=LINE)], "gives 50.0, but 50.001 is reported"),
        ([number("d", 1.0, "1 / (e - e)"), number("e", 1.0)], "divides by zero"),
        ([number("d", 1.0, "'one'")], "gives 'one', but 1.0 is reported"),
    ],
)
def test_a_wrong_key_or_formula_fails_at_once(parts, told):
    with pytest.raises(ValueError, match=told):
        result(*parts)


def test_a_line_that_differs_between_its_readers_needs_two_keys():
    other = replace(LINE, points=((0.0, 0.0), (1.0, 1.0)))
    with pytest.raises(ValueError, match="key 'line' names two different things"):
        result(number("d", 1.0, inferred_from=LINE), number("e", 1.0, inferred_from=other))


def test_what_has_a_formula_needs_a_key_and_limits_run_upwards():
    with pytest.raises(ValueError, match="needs a key"):
        number("", 1.0, "1")
    with pytest.raises(ValueError, match="limits are"):
        number("d", 1.0, limits=(5, 2))
    with pytest.raises(ValueError, match="positive number of mm"):
        replace(LINE, per_px=((0.0, MILLIMETRE), (1.0, MILLIMETRE)))


@pytest.mark.parametrize(
    ("formula", "ok"),
    [
        ("d > 40", True),
        ("0 if d < 40 else 1", True),
        ("'M'", True),
        ("d < 40", False),
        ("2", False),
        ("'Benign'", False),
    ],
)
def test_an_evaluation_follows_by_place_or_by_code(formula, ok):
    grade = Evaluation(GRADE, MALIGNANT, key="grade", choices=(BENIGN, MALIGNANT), formula=formula)
    if ok:
        assert result(number("d", 50.0), evaluations=(grade,)).parts["grade"].in_formula == 1
    else:
        with pytest.raises(ValueError):
            result(number("d", 50.0), evaluations=(grade,))


def test_an_evaluation_is_one_of_its_choices():
    with pytest.raises(ValueError, match="'M' is none of its choices"):
        Evaluation(GRADE, MALIGNANT, choices=(BENIGN,))
    with pytest.raises(ValueError, match="chooses among choices"):
        Evaluation(GRADE, MALIGNANT, key="grade", formula="1")
    remark = Evaluation(GRADE, "a remark", key="remark")
    with pytest.raises(ValueError, match="no choices: a formula cannot ask for it"):
        result(number("d", 1.0, "remark"), evaluations=(remark,))


GRADED = Evaluation(GRADE, MALIGNANT, key="grade", choices=(BENIGN, MALIGNANT))
SCORE = Measurement(LENGTH, 3.0, NO_UNITS, key="score")


@pytest.mark.parametrize(
    ("part", "summary", "ok"),
    [
        (SCORE, {"score": 3}, True),
        (SCORE, {"score": 3.0}, True),
        (replace(SCORE, value=2.9996), {"score": 3.0}, True),  # rounded to one decimal
        (replace(SCORE, value=2.9), {"score": 3.0}, False),
        (SCORE, {"score": None}, False),
        (SCORE, {"score": True}, False),
        (SCORE, {}, True),
        (replace(SCORE, summary_path=("of", 1, "s")), {"of": [{}, {"s": 3}]}, True),
        (replace(SCORE, summary_path=("of", 2, "s")), {"of": [{}, {"s": 3}]}, False),
        (GRADED, {"grade": "Malignant"}, True),
        (GRADED, {"grade": "M"}, True),
        (GRADED, {"grade": 1}, True),
        (GRADED, {"grade": "Benign"}, False),
        (GRADED, {"grade": True}, True),
        (GRADED, {"grade": False}, False),
        (replace(GRADED, choices=(BENIGN, MALIGNANT, local("U", "Unsure"))), {"grade": True}, False),
    ],
)
def test_the_summary_says_what_the_report_says(part, summary, ok):
    parts = {"evaluations": (part,)} if isinstance(part, Evaluation) else {}
    measurements = () if parts else (part,)
    if ok:
        result(*measurements, **parts, summary=summary)
    else:
        with pytest.raises(ValueError, match=r"key '(score|grade)': the summary has"):
            result(*measurements, **parts, summary=summary)


def test_a_region_in_the_summary_is_its_points_or_its_box():
    polygon = Region(Shape.POLYGON, ((1.0, 2.0), (9.0, 2.0), (9.0, 8.0)), FRAME, key="outline")
    for said in ([[1, 2], [9, 2], [9, 8]], [1, 2, 9, 8]):
        result(number("d", 1.0, inferred_from=polygon), summary={"outline": said})
    with pytest.raises(ValueError, match="key 'outline': the summary has"):
        result(number("d", 1.0, inferred_from=polygon), summary={"outline": [1, 2, 9, 9]})


def test_what_awaits_a_region_names_one_and_the_summary_does_not_know_it():
    waiting = number("d", 50.0, "length(line)", inferred_from=LINE, awaits="line")
    assert result(waiting, summary={"d": None}).groups[0].reported == ()
    with pytest.raises(ValueError, match=r"key 'd': the summary has 50\.0 where None"):
        result(waiting, summary={"d": 50.0})
    with pytest.raises(ValueError, match="'d' awaits 'outline', which is the key of no region"):
        result(replace(waiting, awaits="outline"))
    with pytest.raises(ValueError, match="'d' awaits 'e', which is the key of no region"):
        result(replace(waiting, awaits="e"), number("e", 1.0))
    with pytest.raises(ValueError, match="has a key and a formula"):
        number("d", 50.0, awaits="line")


@pytest.mark.parametrize(("stored", "given", "after"), [(3.0, "4", 4.0), (3, "4", 4)])
def test_a_whole_number_stays_of_the_kind_that_the_summary_has(stored, given, after):
    made = result(replace(SCORE, decimals=0), summary={"score": stored})
    found = corrected(made, [Change("score", given)]).result.summary["score"]
    assert (found, type(found)) == (after, type(after))
