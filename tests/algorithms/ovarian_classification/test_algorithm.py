"""From an examination to a result, with networks whose answers are known: theta by hand, decisions, what is dropped."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from algorithms.ovarian_classification import Options, create
from algorithms.ovarian_classification.operating import Operating
from algorithms.ovarian_classification.summary import COLUMNS
from dicom_node.algorithm import ModelInfo, NoModels, UnsuitableSeries
from dicom_node.correction import Change, CorrectionError, correctable, corrected
from dicom_node.errors import ModelError
from dicom_node.series import Series

KEYS = ("theta", "theta_resnet50", "theta_darknet19", "weight_resnet50", "probability", "decision", "images_used",
        "images_dropped", "images")  # fmt: skip
OF_AN_IMAGE = ("sop_instance_uid", "frame_number", "used", "reason", "quality", "p_resnet50", "p_darknet19")


def operating(**numbers) -> Operating:
    given = {"weight_resnet50": 0.5, "slope": 1.0, "intercept": 0.0, "threshold_sensitivity": 0.3,
             "threshold_youden": 0.5, "abstain_low": 0.3, "abstain_high": 0.8}  # fmt: skip
    return Operating(**(given | numbers), rests_on="a test")


def test_theta_by_hand(ovary):
    told = ovary.run(ovary.answer(0.5, 0.2), ovary.answer(0.9, 0.6), ovary.answer(0.0, 0.1)).summary
    # -(ln 0.5 + ln 0.1 + ln 1) / 3 and -(ln 0.8 + ln 0.4 + ln 0.9) / 3
    assert told["theta_resnet50"] == pytest.approx((0.693147 + 2.302585) / 3, abs=1e-6)
    assert told["theta_darknet19"] == pytest.approx((0.223144 + 0.916291 + 0.105361) / 3, abs=1e-6)
    assert told["theta"] == pytest.approx(0.6 * 0.998577 + 0.4 * 0.414932, abs=1e-6)
    assert told["weight_resnet50"] == 0.6
    odds = 1.5 * math.log(math.exp(told["theta"]) - 1) - 0.25
    assert told["probability"] == pytest.approx(1 / (1 + math.exp(-odds)))
    assert told["decision"] == "abstain"  # 0.765, between 0.2 and 0.9


def test_the_summary_has_the_keys_that_were_promised(ovary):
    told = ovary.run(ovary.answer(), ovary.answer(used=False, reason="shows no adnexa")).summary
    assert set(KEYS) <= set(told)
    assert (told["images_used"], told["images_dropped"], len(told["images"])) == (1, 1, 2)
    first, second = told["images"]
    assert set(OF_AN_IMAGE) <= set(first)
    assert (first["used"], first["p_resnet50"], first["p_darknet19"]) == (True, 0.3, 0.2)
    assert (second["used"], second["p_resnet50"], second["p_darknet19"]) == (False, None, None)
    assert second["reason"] == "shows no adnexa"
    assert (first["sop_instance_uid"], first["frame_number"]) == ("1.2.3.0", 1)
    assert second["quality"]["adnexa"] == 0.25
    assert set(second["quality"]) == {"adnexa", "lesion", "ascites", "blood_flow", "three_d", "undetermined"}
    json.dumps(told, allow_nan=False)


def test_certainty_makes_no_infinity(ovary):
    result = ovary.run(ovary.answer(1.0, 1.0), ovary.answer(0.0, 0.0))
    told = result.summary
    assert told["theta"] == pytest.approx(-math.log(1e-6) / 2)
    assert told["decision"] == "malignant"
    assert 0.5 < told["probability"] <= 1.0
    nothing = ovary.run(ovary.answer(0.0, 0.0)).summary
    assert (nothing["theta"], nothing["decision"]) == (0.0, "not_malignant")
    assert 0.0 <= nothing["probability"] < 0.5


@pytest.mark.parametrize(
    ("p", "band", "sensitivity_95", "youden"),
    [
        (1 - math.exp(-0.29), "not_malignant", "not_malignant", "not_malignant"),
        (1 - math.exp(-0.4), "abstain", "malignant", "not_malignant"),
        (1 - math.exp(-0.6), "abstain", "malignant", "malignant"),
        (1 - math.exp(-0.81), "malignant", "malignant", "malignant"),
    ],
)
def test_each_rule_decides_by_its_own_threshold(ovary, p, band, sensitivity_95, youden):
    wanted = {"band": band, "sensitivity_95": sensitivity_95, "youden": youden}
    for rule, decision in wanted.items():
        result = ovary.run(ovary.answer(p, p), operating=operating(), threshold=rule)
        assert result.summary["decision"] == decision
        assert result.requires_review is (decision == "abstain")
        assert result.summary["threshold"]["rule"] == rule
        assert result.summary["threshold"]["rests_on"] == "a test"


def test_dropped_images_are_not_classified_and_everything_is_told(ovary):
    algorithm = ovary.algorithm(ovary.answer(used=False, reason="undetermined"), ovary.answer(0.7, 0.7))
    capture = ovary.volume(ovary.picture(0)[None], uid="1.2.4", sop_class="1.2.840.10008.5.1.4.1.1.7")
    result = algorithm.run(Series("1.9.9", (capture, *ovary.stills(2).volumes)))
    assert algorithm._judges.experts.classified == [1]
    assert [image["used"] for image in result.summary["images"]] == [False, False, True]
    assert result.summary["images"][0]["quality"] == {}
    assert result.summary["theta"] == pytest.approx(-math.log(0.3))
    ids = [group.tracking_id for group in result.groups]
    assert ids == ["examination", "image 1", "image 2", "image 3"]
    reasons = [one.value for group in result.groups for one in group.evaluations if one.name.value == "USE_REASON"]
    assert reasons == ["a Secondary Capture, which may show anything: send the scanner's image", "undetermined",
                       "shows adnexa (P = 0.90)"]  # fmt: skip
    assert any("image 2: not used: undetermined" in note for note in result.notes)
    assert len(result.tables[0].rows) == 3
    assert all(len(row) == len(COLUMNS) for row in result.tables[0].rows)


def test_nothing_left_is_refused_with_every_reason(ovary):
    capture = ovary.volume(ovary.picture(0)[None], uid="1.2.4", sop_class="1.2.840.10008.5.1.4.1.1.7")
    clip = ovary.volume(np.stack([ovary.picture(0)] * 2), uid="1.2.5")
    algorithm = ovary.algorithm(ovary.answer(used=False, reason="shows no adnexa"))
    with pytest.raises(UnsuitableSeries) as refused:
        algorithm.run(Series("1.9.9", (capture, clip)))
    text = str(refused.value)
    assert text.startswith("needs at least one pelvic ultrasound image")
    assert "instance 1.2.4: a Secondary Capture" in text
    assert "instance 1.2.5 frame 1, instance 1.2.5 frame 2: shows no adnexa" in text


def test_a_refusal_stays_short_however_many_images_there_are(ovary):
    answers = [ovary.answer(used=False, reason=f"shows no adnexa (P = 0.{n:02d} that it does)") for n in range(20)]
    with pytest.raises(UnsuitableSeries) as refused:
        ovary.run(*answers)
    text = str(refused.value)
    assert text.count("shows no adnexa") == 1
    assert "instance 1.2.3.0" in text
    assert "and 16 more: shows no adnexa" in text
    assert "P =" not in text


def test_an_excluded_image_no_longer_counts(ovary):
    result = ovary.run(ovary.answer(0.1, 0.1), ovary.answer(0.9, 0.9), ovary.answer(0.2, 0.2))
    assert result.summary["decision"] == "abstain"
    done = corrected(result, [Change("use_2", "excluded")])
    told = done.result.summary
    assert told["theta"] == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2)
    assert told["theta_resnet50"] == pytest.approx(told["theta_darknet19"])
    assert told["decision"] == "not_malignant"
    assert (told["images_used"], told["images_dropped"]) == (2, 1)
    assert (told["images"][1]["used"], told["images"][1]["reason"]) == (False, "excluded by the reviewer")
    assert told["images"][1]["p_resnet50"] == 0.9
    alone = ovary.run(ovary.answer(0.1, 0.1), ovary.answer(0.2, 0.2)).summary
    assert told["probability"] == pytest.approx(alone["probability"])
    assert {one.key for one in done.applied} >= {"use_2", "theta", "probability", "decision", "images_used", "reason_2"}


def test_one_image_must_stay(ovary):
    with pytest.raises(CorrectionError, match=r"images_used .* 0 images is beyond its limits"):
        corrected(ovary.run(ovary.answer()), [Change("use_1", "excluded")])
    two = ovary.run(ovary.answer(), ovary.answer())
    with pytest.raises(CorrectionError, match="images_used"):
        corrected(two, [Change("use_1", "excluded"), Change("use_2", "Not used")])


def test_a_reviewer_decides_and_draws_but_sets_no_score(ovary):
    result = ovary.run(ovary.answer(), ovary.answer(lesion_px=None), ovary.answer(used=False, reason="no"))
    assert [one.key for one in correctable(result)] == ["decision", "lesion_1", "use_1", "use_2"]
    told = corrected(result, [Change("decision", "malignant"), Change("lesion_1", "10,10 50,10 50,30 10,30")]).result
    assert told.summary["decision"] == "malignant"
    assert told.summary["theta"] == result.summary["theta"]
    assert [tuple(point) for point in told.summary["images"][0]["lesion_px"]] == [
        (10, 10),
        (50, 10),
        (50, 30),
        (10, 30),
    ]
    areas = [one.value for one in told.groups[1].measurements if one.name.meaning == "Area"]
    assert areas == [pytest.approx(40 * 20 * 0.25)]  # mm2, at 0.5 mm a pixel
    assert not told.requires_review


def test_the_outline_is_the_lesion_and_measured_where_the_header_calibrates(ovary):
    (group,) = (one for one in ovary.run(ovary.answer()).groups if one.tracking_id == "image 1")
    (area,) = (one for one in group.measurements if one.name.meaning == "Area")
    assert (area.value, area.unit.ucum) == (pytest.approx(40 * 20 * 0.25, rel=0.02), "mm2")
    xs, ys = zip(*area.inferred_from.points, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((19.5, 59.5, 29.5, 49.5), abs=0.3)
    screen = ovary.volume(ovary.picture(0)[None])
    whole = ovary.algorithm(ovary.answer()).run(Series("1.9.9", (screen,)))
    (area,) = (one for one in whole.groups[1].measurements if one.name.meaning == "Area")
    assert (area.value, area.unit.meaning) == (pytest.approx(800, rel=0.02), "pixels")


def test_lesion_and_ovary_are_told_apart_in_report_and_segmentation(ovary):
    result = ovary.run(ovary.answer(p_lesion=0.8), ovary.answer(p_lesion=0.1), ovary.answer(lesion_px=None))
    assert [group.finding.meaning for group in result.groups[1:]] == ["Mass", "Ovary", "Mass"]
    assert [(one.label, one.type.meaning) for one in result.segments] == [
        ("Lesion, image 1", "Lesion"),
        ("Ovary, image 2", "Ovary"),
    ]
    assert [one.tracking_id for one in result.segments] == ["image 1", "image 2"]


def test_masks_and_outlines_lie_on_the_whole_frame(ovary):
    screen = ovary.picture(0)
    screen[:, 80:] = 20
    regions = [ovary.region(0, 0, 79, 119), ovary.region(80, 0, 159, 119)]
    volume = ovary.volume(screen[None], regions)
    result = ovary.algorithm(ovary.answer(), ovary.answer(lesion_px=(0, 0, 30, 30))).run(Series("1.9.9", (volume,)))
    left, right = (segment.masks.read(0, 1)[0] for segment in result.segments)
    assert left.shape == right.shape == (120, 160)
    assert left[30:50, 20:60].all()
    assert left.sum() == 800
    assert right[0:30, 80:110].all()
    assert right.sum() == 900
    assert [image["picture_px"] for image in result.summary["images"]] == [[0, 0, 80, 120], [80, 0, 160, 120]]
    assert min(x for x, _ in result.summary["images"][1]["lesion_px"]) == pytest.approx(79.5, abs=0.3)


def test_it_says_what_it_is_and_what_the_score_rests_on(ovary):
    result = ovary.run(ovary.answer())
    assert result.statements[0] == "For research use: no diagnosis."
    assert "without a stated licence" in result.statements[1]
    assert "simulated" in result.statements[2]
    basis = [one.value for one in result.groups[0].evaluations if one.name.value == "SCORE_BASIS"]
    assert basis == ["the images alone; nothing else that is known of the patient is part of it"]
    origin = [one.value for one in result.groups[0].evaluations if one.name.value == "THRESHOLD_FROM"]
    assert "thresholds from 120 drawn pictures" in origin[0]


def test_progress_goes_on(ovary):
    told = []
    ovary.algorithm(*[ovary.answer()] * 4).run(ovary.stills(4), lambda fraction, doing: told.append((fraction, doing)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert told[2] == (pytest.approx(0.225), "judging image 2 of 4")


def test_without_weights_there_is_no_algorithm():
    with pytest.raises(ModelError, match="no model 'segment_1'"):
        create(Options(), NoModels())


class Shelf:
    """Models that can be opened, with cards."""

    def __init__(self, **cards) -> None:
        self.cards = {"quality": {"familiarity": {"limit": 9.0}}, **cards}

    def open(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(info=ModelInfo(name, "1.0", "a" * 64))

    def card(self, name: str) -> dict:
        return self.cards.get(name, {})


def test_every_model_is_named_and_the_operating_point_is_the_cards(ovary):
    algorithm = create(Options(), Shelf(resnet50_1={"operating": ovary.operating.to_card()}))
    kinds = ("segment", "resnet50", "darknet19")
    assert [one.name for one in algorithm.info.models] == [f"{kind}_{n}" for kind in kinds for n in range(1, 6)] + [
        "quality"
    ]
    assert algorithm._judges.operating == ovary.operating
    with pytest.raises(ModelError, match="no operating point"):
        create(Options(), Shelf())


@pytest.mark.parametrize("wrong", [{"frames_per_clip": 0}, {"threshold": "best"}, {"clinical_folder": "beside"}])
def test_options_that_do_not_hold_are_refused(wrong):
    with pytest.raises(ValueError):
        Options(**wrong)
