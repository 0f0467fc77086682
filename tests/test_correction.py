"""What a person corrects and what follows from it: an M-mode by Teichholz, a lesion's grade, by hand calculation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicom_node.codes import (
    ANATOMICAL_STRUCTURE,
    LEFT_VENTRICLE,
    MILLILITRE,
    MILLIMETRE,
    NO_UNITS,
    PERCENT,
    SQUARE_MILLIMETRE,
    local,
)
from dicom_node.correction import Change, CorrectionError, correctable, corrected
from dicom_node.errors import UsageError
from dicom_node.result import AnalysisResult, Evaluation, Measurement, MeasurementGroup, Region, Segment, Shape
from dicom_node.series import ArrayPixels, FrameRef

FRAME = FrameRef("1.2", "1.2.3", 1)
STEP = ((0.01, MILLIMETRE), (0.5, MILLIMETRE))
DIASTOLE = Region(Shape.POLYLINE, ((10.0, 10.0), (10.0, 110.0)), FRAME, key="line_d", per_px=STEP)  # 50 mm
SYSTOLE = Region(Shape.POLYLINE, ((30.0, 30.0), (30.0, 90.0)), FRAME, key="line_s", per_px=STEP)  # 30 mm
LVIDD, LVIDS, VOLUME, EF, REMARK = (local(name, name.lower()) for name in ("LVIDD", "LVIDS", "VOLUME", "EF", "REMARK"))
TEICHHOLZ = "7 * ({0} / 10) ** 3 / (2.4 + {0} / 10)"


def teichholz_ml(diameter_cm):
    return 7 * diameter_cm**3 / (2.4 + diameter_cm)


@pytest.fixture
def mmode() -> AnalysisResult:
    edv, esv = teichholz_ml(5.0), teichholz_ml(3.0)
    ef = 100 * (edv - esv) / edv
    lengths = MeasurementGroup(
        "cycle 1",
        LEFT_VENTRICLE,
        (FRAME,),
        measurements=(
            Measurement(LVIDD, 50.0, MILLIMETRE, inferred_from=DIASTOLE, key="lvidd_mm", formula="height(line_d)"),
            Measurement(LVIDS, 30.0, MILLIMETRE, inferred_from=SYSTOLE, key="lvids_mm", formula="height(line_s)"),
        ),
    )
    function = MeasurementGroup(
        "function",
        LEFT_VENTRICLE,
        (FRAME,),
        measurements=(
            Measurement(
                EF,
                ef,
                PERCENT,
                inferred_from=(DIASTOLE, SYSTOLE),
                key="ef_percent",
                formula="100 * (edv_ml - esv_ml) / edv_ml",
                limits=(0, 100),
            ),
            Measurement(VOLUME, edv, MILLILITRE, key="edv_ml", formula=TEICHHOLZ.format("lvidd_mm")),
            Measurement(VOLUME, esv, MILLILITRE, key="esv_ml", formula=TEICHHOLZ.format("lvids_mm")),
            Measurement(VOLUME, 72, NO_UNITS),  # nobody can name it
        ),
        evaluations=(Evaluation(REMARK, "regular", key="remark"),),
    )
    summary = {"ef_percent": round(ef, 1), "edv_ml": round(edv, 3), "beats": [{"remark": "regular"}], "other": 1}
    return AnalysisResult(summary, (lengths, function), notes=("drafted",), requires_review=True)


def changed(correction):
    return {one.key: (one.before, one.after, one.because) for one in correction.applied}


def test_two_lines_drawn_anew_give_the_ejection_fraction(mmode):
    done = corrected(mmode, [Change("line_d", "10,10 10,120"), Change("line_s", "30,30 30,94")])  # 55 and 32 mm
    edv, esv = teichholz_ml(5.5), teichholz_ml(3.2)
    parts = done.result.parts
    assert (parts["lvidd_mm"].value, parts["lvids_mm"].value) == (55, 32)
    assert parts["edv_ml"].value == pytest.approx(edv)
    assert parts["ef_percent"].value == pytest.approx(100 * (edv - esv) / edv)
    assert done.result.summary["ef_percent"] == parts["ef_percent"].value
    assert done.result.summary["edv_ml"] == parts["edv_ml"].value
    assert done.result.summary["other"] == 1
    assert changed(done)["line_d"] == ("10,10 10,110", "10,10 10,120", "set")
    assert changed(done)["lvidd_mm"] == ("50", "55", "follows from line_d")
    assert changed(done)["ef_percent"][2] == "follows from line_d, line_s"
    assert [one.key for one in done.applied][:2] == ["line_d", "line_s"]


def test_the_new_line_is_everywhere_the_old_one_was_and_says_who_drew_it(mmode):
    done = corrected(mmode, [Change("line_d", "10,10 10,120")]).result
    readers = [region for group in done.groups for one in group.measurements for region in one.regions]
    drawn = [region for region in readers if region.key == "line_d"]
    assert len(drawn) == 2
    assert all(region.corrected and region.points[1] == (10, 120) for region in drawn)
    assert [region.corrected for region in readers if region.key == "line_s"] == [False, False]
    assert not done.parts["lvidd_mm"].corrected  # it follows


def test_a_corrected_result_is_final_and_the_draft_stays_as_it_was(mmode):
    before = replace(mmode)
    done = corrected(mmode, [Change("edv_ml", "150")]).result
    assert (mmode.requires_review, done.requires_review) == (True, False)
    assert mmode == before
    assert mmode.summary["edv_ml"] == round(teichholz_ml(5.0), 3)
    assert done.notes == ("drafted",)


def test_what_is_set_though_it_has_a_formula_stays_as_set(mmode):
    done = corrected(mmode, [Change("edv_ml", "150"), Change("line_d", "10,10 10,120")])
    parts = done.result.parts
    assert parts["lvidd_mm"].value == 55
    assert parts["edv_ml"].value == 150
    assert parts["edv_ml"].formula is None
    assert parts["edv_ml"].corrected
    assert parts["ef_percent"].value == pytest.approx(100 * (150 - teichholz_ml(3.0)) / 150)
    (volume,) = [one for one in done.applied if one.key == "edv_ml"]
    assert (volume.because, volume.dropped_formula, volume.unit) == ("set", TEICHHOLZ.format("lvidd_mm"), "ml")
    assert changed(done)["ef_percent"][2] == "follows from edv_ml"
    again = corrected(done.result, [Change("line_d", "10,10 10,130")]).result  # a second reader finds it so
    assert again.parts["edv_ml"].value == 150


def test_what_does_not_change_is_not_told(mmode):
    done = corrected(mmode, [Change("line_d", "12,10 12,110")])  # as high as before
    assert list(changed(done)) == ["line_d"]


def test_a_text_in_a_nested_place_of_the_summary(mmode):
    group = mmode.groups[1]
    remark = replace(group.evaluations[0], summary_path=("beats", 0, "remark"))
    result = replace(mmode, groups=(mmode.groups[0], replace(group, evaluations=(remark,))))
    done = corrected(result, [Change("remark", " atrial fibrillation ")])
    assert done.result.summary["beats"] == [{"remark": "atrial fibrillation"}]
    assert result.summary["beats"] == [{"remark": "regular"}]
    assert changed(done) == {"remark": ("regular", "atrial fibrillation", "set")}


def test_what_can_be_corrected_with_what_hangs_on_it(mmode):
    able = {one.key: one for one in correctable(mmode)}
    keys = ["lvidd_mm", "lvids_mm", "line_d", "line_s", "ef_percent", "edv_ml", "esv_ml", "remark"]
    assert list(able) == keys
    line = able["line_d"]
    assert (line.kind, line.value, line.unit) == ("line", "10,10 10,110", "pixels")
    assert line.dependants == ("lvidd_mm", "edv_ml", "ef_percent")
    assert able["ef_percent"].depends_on == ("edv_ml", "esv_ml")
    assert able["ef_percent"].limits == (0, 100)
    assert able["ef_percent"].what == "function: ef"
    assert (able["remark"].kind, able["remark"].value) == ("text", "regular")


def test_all_problems_are_told_at_once(mmode):
    changes = [
        Change("line_d", "10,10 nowhere"),
        Change("line_s", "1,2 3,4 5,6"),
        Change("edv_mL", "12"),
        Change("esv_ml", "12 ml"),
        Change("ef_percent", "101"),
        Change("remark", "  "),
        Change("remark", "twice"),
    ]
    with pytest.raises(CorrectionError) as told:
        corrected(mmode, changes)
    assert isinstance(told.value, UsageError)
    problems = "\n".join(sorted(told.value.problems))
    assert len(told.value.problems) == 7
    assert "'edv_mL' is no key of this result; did you mean edv_ml" in problems
    assert "line_d (function: ef, where it was measured): 'nowhere' is no point" in problems
    assert "3 different point(s) given; 2 point(s) are needed" in problems
    assert "esv_ml (function: volume): '12 ml' is no number; write it in ml" in problems
    assert "ef_percent (function: ef): 101 % is beyond its limits, 0 to 100" in problems
    assert "remark (function: remark): a text of 1 to" in problems
    assert "remark is given twice: '  ' and 'twice'" in problems


def test_what_follows_must_have_a_value_within_its_limits(mmode):
    with pytest.raises(
        CorrectionError, match=r"ef_percent .*which follows from line_d: -.* % is beyond its limits, 0 to 100"
    ):
        corrected(mmode, [Change("line_d", "10,10 10,20")])  # 5 mm: less than in systole
    with pytest.raises(CorrectionError, match=r"ef_percent .*which follows from edv_ml: .* divides by zero"):
        corrected(mmode, [Change("edv_ml", "0")])
    with pytest.raises(CorrectionError, match="no change was given"):
        corrected(mmode, [])


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "42,1", "0x10", "1_000", "٣"])
def test_numbers_are_plain(mmode, text):
    with pytest.raises(CorrectionError, match="is no number"):
        corrected(mmode, [Change("edv_ml", text)])


def test_points_beside_the_picture_are_refused_where_its_size_is_known(mmode):
    change = [Change("line_d", "10,10 10,250")]
    assert corrected(mmode, change).result
    with pytest.raises(CorrectionError, match="10,250 is beside the picture of 320 columns and 240 rows"):
        corrected(mmode, change, sizes={"1.2.3": (240, 320)})


BENIGN, MALIGNANT = local("BN", "Benign"), local("MG", "Malignant")
SQUARE = Region(
    Shape.POLYGON,
    ((3.5, 3.5), (13.5, 3.5), (13.5, 13.5), (3.5, 13.5)),
    FRAME,
    key="lesion",
    per_px=((0.2, MILLIMETRE), (0.2, MILLIMETRE)),
)


@pytest.fixture
def lesion() -> AnalysisResult:
    """10 x 10 pixels, of which the left 4 columns are hard."""
    mask = np.zeros((1, 40, 40), bool)
    mask[0, :, :8] = True
    group = MeasurementGroup(
        "lesion",
        LEFT_VENTRICLE,
        (FRAME,),
        region=SQUARE,
        measurements=(
            Measurement(local("A", "Area"), 4.0, SQUARE_MILLIMETRE, key="area_mm2", formula="area(lesion)"),
            Measurement(local("H", "Hard"), 0.4, NO_UNITS, key="hard_part", formula="share(hard, lesion)"),
            Measurement(
                local("S", "Score"),
                2,
                NO_UNITS,
                key="score",
                formula="4 if hard_part > 0.5 else 2",
                limits=(1, 4),
                decimals=0,
            ),
        ),
        evaluations=(
            Evaluation(local("G", "Grade"), BENIGN, "grade", "score >= 3", choices=(BENIGN, MALIGNANT)),
            Evaluation(local("C", "Coded"), BENIGN, "coded"),
        ),
    )
    hard = Segment("hard", ANATOMICAL_STRUCTURE, LEFT_VENTRICLE, ArrayPixels(mask), (FRAME,), "lesion", key="hard")
    summary = {"score": 2, "grade": "Benign", "lesion": [list(point) for point in SQUARE.points]}
    return AnalysisResult(summary, (group,), segments=(hard,), requires_review=True)


def test_an_outline_gives_area_share_score_and_grade(lesion):
    done = corrected(lesion, [Change("lesion", "2.5,3.5 8.5,3.5 8.5,13.5 2.5,13.5")])  # 6 wide, 5 of them hard
    parts, summary = done.result.parts, done.result.summary
    assert parts["area_mm2"].value == pytest.approx(6 * 10 * 0.04)
    assert parts["hard_part"].value == pytest.approx(5 / 6)
    assert (parts["score"].value, parts["grade"].value) == (4, MALIGNANT)
    assert (summary["score"], summary["grade"]) == (4, "Malignant")
    assert isinstance(summary["score"], int)
    assert summary["lesion"] == [[2.5, 3.5], [8.5, 3.5], [8.5, 13.5], [2.5, 13.5]]
    assert changed(done)["grade"] == ("Benign", "Malignant", "follows from lesion")


@pytest.mark.parametrize("given", ["MG", "malignant", "1"])
def test_a_choice_by_code_meaning_or_place(lesion, given):
    done = corrected(lesion, [Change("grade", given)])
    assert done.result.parts["grade"].value == MALIGNANT
    assert done.result.parts["score"].value == 2  # nothing follows from the grade


def test_what_is_no_choice_and_what_has_none(lesion):
    with pytest.raises(CorrectionError) as told:
        corrected(lesion, [Change("grade", "2"), Change("coded", "BN"), Change("hard", "1"), Change("score", "2.5")])
    assert sorted(told.value.problems) == [
        "coded cannot be set: it has no choices and is no text",
        "grade (lesion: Grade): '2' is none of its choices: BN (Benign), MG (Malignant)",
        "hard cannot be set: a segment shows what the algorithm saw",
        "score (lesion: Score): 2.5 is given; a whole number is needed",
    ]
    assert {one.key for one in correctable(lesion)} == {"lesion", "area_mm2", "hard_part", "score", "grade"}


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ("1,1 9,9 9,1 1,9", "touches or crosses itself"),
        ("1,1 5,5 9,9", "has no area"),
        ("1,1 9,9 1,1", "2 different point"),
        ("1,1 9,9,3 1,5", "'9,9,3' is no point"),
        ("50,50 60,50 60,60", "beside the picture"),
        ("3.1,3.1 3.4,3.1 3.2,3.4", "hard_part .*which follows from lesion: .*no pixel inside"),
    ],
)
def test_outlines_that_enclose_nothing(lesion, points, told):
    with pytest.raises(CorrectionError, match=told):
        corrected(lesion, [Change("lesion", points)], sizes={"1.2.3": (40, 40)})


def test_a_closed_outline_may_repeat_its_first_point(lesion):
    done = corrected(lesion, [Change("lesion", "4,4 12,4 12,12 4,12 4,4")])
    assert done.result.groups[0].region.points == ((4, 4), (12, 4), (12, 12), (4, 12))


def test_a_number_in_the_summary_keeps_being_whole(lesion):
    done = corrected(lesion, [Change("score", "3")]).result
    assert done.summary["score"] == 3
    assert isinstance(done.summary["score"], int)
    assert done.parts["grade"].value == MALIGNANT


def test_what_a_correction_tells_makes_the_same_correction_again(mmode):
    given = [Change("line_d", "10.123456789012345,10 10,120.1"), Change("esv_ml", "33.123456789012345")]
    once = corrected(mmode, given)
    told = [Change(one.key, one.after) for one in once.applied if one.because == "set"]
    assert corrected(mmode, told).result == once.result


def with_parts(result, **changes):
    """The lesion's result with fields of its measurements and evaluations replaced, by key."""
    group = result.groups[0]
    measurements, evaluations = (
        tuple(replace(one, **changes.get(one.key, {})) for one in parts)
        for parts in (group.measurements, group.evaluations)
    )
    return replace(group, measurements=measurements, evaluations=evaluations)


def test_what_only_follows_cannot_be_set_and_names_what_can(lesion):
    fixed = {"settable": False}
    result = replace(lesion, groups=(with_parts(lesion, hard_part=fixed, score=fixed, grade=fixed),))
    assert {one.key for one in correctable(result)} == {"lesion", "area_mm2"}
    with pytest.raises(CorrectionError) as told:
        corrected(result, [Change("hard_part", "0.9"), Change("score", "4"), Change("grade", "MG")])
    assert told.value.problems == (
        "hard_part cannot be set: it follows from lesion: set that",
        "score cannot be set: it is not for a person to set",  # it follows from hard_part alone, which cannot either
        "grade cannot be set: it is not for a person to set",
    )
    wider = corrected(result, [Change("lesion", "2.5,3.5 8.5,3.5 8.5,13.5 2.5,13.5")]).result
    assert (wider.parts["hard_part"].value, wider.summary["score"]) == (pytest.approx(5 / 6), 4)


@pytest.fixture
def awaiting(lesion) -> AnalysisResult:
    """The lesion as if it had not been found: its score is not known before a person draws it."""
    grade = {"formula": "score >= 3 if corrected(lesion) or corrected(score) else 0"}
    group = with_parts(lesion, score={"awaits": "lesion"}, grade=grade)
    return replace(lesion, groups=(group,), summary={**lesion.summary, "score": None})


def test_what_awaits_a_region_is_reported_once_a_person_has_drawn_it(awaiting):
    assert [one.key for one in awaiting.groups[0].reported] == ["area_mm2", "hard_part"]
    assert {one.key: one.value for one in correctable(awaiting)}["score"] == "not known"
    done = corrected(awaiting, [Change("lesion", "2.5,3.5 8.5,3.5 8.5,13.5 2.5,13.5")])
    assert [one.key for one in done.result.groups[0].reported] == ["area_mm2", "hard_part", "score"]
    assert (done.result.summary["score"], done.result.summary["grade"]) == (4, "Malignant")
    assert isinstance(done.result.summary["score"], int)
    assert changed(done)["score"] == ("not known", "4", "follows from lesion")


def test_a_drawn_region_is_enough_where_nothing_that_the_number_follows_from_changes(awaiting):
    again = " ".join(f"{x},{y}" for x, y in SQUARE.points)
    done = corrected(awaiting, [Change("lesion", again)])
    assert done.result.parts["hard_part"].value == 0.4
    assert done.result.summary["score"] == 2
    assert changed(done)["score"] == ("not known", "2", "follows from lesion")


def test_what_awaits_a_region_may_be_set_itself(awaiting):
    done = corrected(awaiting, [Change("score", "3")])
    assert (done.result.summary["score"], done.result.summary["grade"]) == (3, "Malignant")
    assert changed(done)["score"] == ("not known", "3", "set")
    assert "score" in {one.key for one in done.result.groups[0].reported}


def test_what_awaits_a_region_stays_unknown_after_any_other_correction(awaiting):
    done = corrected(awaiting, [Change("hard_part", "0.7")])
    assert done.result.parts["score"].awaits == "lesion"
    assert done.result.summary["score"] is None
