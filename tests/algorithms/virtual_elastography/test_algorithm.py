"""From a series to a drafted result, with networks whose answer is known: numbers, corrections, what is not said."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from algorithms.virtual_elastography import Options, create
from dicom_node.algorithm import NoModels, UnsuitableSeries
from dicom_node.correction import Change, CorrectionError, correctable, corrected
from dicom_node.errors import ModelError
from dicom_node.geometry import centroid
from dicom_node.result import Region

FORBIDDEN_CODES = {"110830", "130611", "130609"}
"""Elasticity, shear-wave speed and 2-D SWE: physical quantities."""


def values(result) -> dict:
    return {key: part.value for key, part in result.parts.items() if hasattr(part, "value")}


def test_a_hard_disc_is_found_and_scored(us):
    disc = us.disc(150.0, 110.0, 40.0)
    result = us.algorithm().run(us.series_of(us.picture(disc), BodyPartExamined="THYROID"))
    told = result.summary
    assert (told["score"], told["scheme"]) == (4, "thyroid_four_point")
    assert told["score_meaning"] == "Thyroid 4: stiff in the whole nodule"
    assert told["fractions"]["hard"] == pytest.approx(1.0, abs=0.05)
    assert sum(told["fractions"].values()) == pytest.approx(1.0)
    assert told["hard_around"] < 0.05
    assert centroid(told["region_px"]) == pytest.approx((150.0, 110.0), abs=1.5)
    assert told["region_from"] == "found"
    assert told["in_distribution"] is True
    assert told["synthetic"] is True
    assert told["familiarity"] == {"distance": 1.5, "limit": 4.0, "p_value": 0.6}
    assert (told["sop_instance_uid"], told["frame_number"]) == ("1.2.3.1", 1)
    json.dumps(told, allow_nan=False)


def test_it_is_a_draft_that_says_it_is_synthetic_and_names_no_physical_quantity(us):
    result = us.algorithm().run(us.series_of(us.picture(us.disc()), BodyPartExamined="BREAST"))
    assert result.requires_review
    assert result.statements[0] == "Synthetic, not a measurement."
    assert result.pictures[0].title == "SYNTHETIC elastogram - not a measurement"
    units = {one.unit.ucum for group in result.groups for one in group.measurements}
    assert units == {"{score}", "1"}
    codes = [one.name for group in result.groups for one in (*group.measurements, *group.evaluations)]
    codes += [group.finding for group in result.groups] + [segment.type for segment in result.segments]
    assert not {code.value for code in codes} & FORBIDDEN_CODES
    assert any("Itoh" in note for note in result.notes)


def test_the_classes_are_segments_that_share_out_the_picture(us):
    result = us.algorithm().run(us.series_of(us.picture(us.disc(grey=40), us.disc(250.0, 60.0, 20.0, grey=220))))
    soft, medium, hard = (segment.masks.read(0, 1)[0] for segment in result.segments)
    assert (soft.astype(int) + medium + hard == 1).all()
    assert hard.sum() == pytest.approx(math.pi * 40**2, rel=0.06)
    assert soft.sum() == pytest.approx(math.pi * 20**2, rel=0.12)
    assert [segment.key for segment in result.segments] == ["soft_pixels", "medium_pixels", "hard_pixels"]


def test_a_corrected_region_gives_new_shares_a_new_score_and_a_new_summary(us):
    result = us.algorithm().run(us.series_of(us.picture(us.disc(150.0, 110.0, 40.0)), BodyPartExamined="THYROID"))
    half = "130,110 170,110 170,190 130,190"  # 40 x 80, of which the disc covers the upper half
    done = corrected(result, [Change("region", half)])
    told = done.result.summary
    assert told["fractions"]["hard"] == pytest.approx(0.47, abs=0.05)
    assert (told["score"], told["score_meaning"]) == (2, "Thyroid 2: elastic in a large part of the nodule")
    assert told["region_from"] == "reviewer"
    assert [tuple(point) for point in told["region_px"]] == [(130, 110), (170, 110), (170, 190), (130, 190)]
    assert {one.key for one in done.applied} >= {"region", "hard", "score", "score_meaning", "region_from"}


def test_a_corrected_score_takes_its_meaning_along(us):
    result = us.algorithm().run(us.series_of(us.picture(us.disc()), BodyPartExamined="BREAST"))
    assert result.summary["score"] == 4
    done = corrected(result, [Change("score", "3")]).result
    assert done.summary["score"] == 3
    assert done.summary["score_meaning"].startswith("Tsukuba 3")
    for wrong in ("0", "6", "3.5", "stiff"):
        with pytest.raises(CorrectionError):
            corrected(result, [Change("score", wrong)])


def test_without_a_region_there_is_no_score_until_a_person_draws_one(us):
    result = us.algorithm(finds=False).run(us.series_of(us.picture(us.disc()), BodyPartExamined="THYROID"))
    told = result.summary
    assert told["score"] is None
    assert told["score_meaning"] == "No score: no region was found"
    assert told["region_from"] == "whole_picture"
    assert told["fractions"]["hard"] == pytest.approx(math.pi * 40**2 / (240 * 320), rel=0.06)
    assert told["hard_around"] is None
    assert "{score}" not in {one.unit.ucum for one in result.groups[0].reported}
    assert any("no region was found" in note for note in result.notes)
    done = corrected(result, [Change("region", "125,85 175,85 175,135 125,135")])
    told = done.result.summary
    assert (told["score"], told["score_meaning"]) == (4, "Thyroid 4: stiff in the whole nodule")
    assert isinstance(told["score"], int)
    assert told["region_from"] == "reviewer"
    # the ring out to 65 x 65, of which the disc of radius 40 leaves the corners
    assert told["hard_around"] == pytest.approx(1.0, abs=0.15)
    assert {one.unit.ucum for one in done.result.groups[0].reported} == {"{score}", "1"}
    assert {one.key: one.before for one in done.applied if one.before == "not known"}.keys() == {"score", "hard_around"}


def test_a_region_drawn_where_none_was_found_reaches_the_highest_score(us):
    """Tsukuba 5 asks for what lies around the region, which the draft did not look at."""
    result = us.algorithm(finds=False).run(us.series_of(us.picture(us.disc()), BodyPartExamined="BREAST"))
    within = "140,100 160,100 160,120 140,120"
    assert corrected(result, [Change("region", within)]).result.summary["score"] == 5
    beside = "20,200 60,200 60,230 20,230"
    assert corrected(result, [Change("region", beside)]).result.summary["score"] == 1


def test_a_region_drawn_with_the_very_shares_of_the_whole_picture_has_a_score(us):
    result = us.algorithm(finds=False).run(us.series_of(us.picture(), BodyPartExamined="THYROID"))
    done = corrected(result, [Change("region", us.points_of(result.summary["region_px"]))]).result.summary
    assert done["fractions"] == result.summary["fractions"]
    assert (done["score"], done["score_meaning"]) == (1, "Thyroid 1: elastic in the whole nodule")


def test_without_a_region_a_person_may_say_the_score(us):
    result = us.algorithm(finds=False).run(us.series_of(us.picture(us.disc()), BodyPartExamined="THYROID"))
    done = corrected(result, [Change("score", "3")]).result
    assert (done.summary["score"], done.summary["hard_around"]) == (3, None)
    assert done.summary["score_meaning"] == "Thyroid 3: stiff in a large part of the nodule"
    assert done.summary["region_from"] == "whole_picture"


def test_a_region_up_to_the_edges_of_the_picture_is_judged_without_what_lies_around_it(us):
    result = us.algorithm().run(us.series_of(us.picture(us.disc()), BodyPartExamined="BREAST"))
    whole = "-0.5,-0.5 319.5,-0.5 319.5,239.5 -0.5,239.5"
    done = corrected(result, [Change("region", whole)]).result.summary
    assert (done["hard_around"], done["score"]) == (0.0, 1)


def test_a_region_where_there_is_no_elastogram_has_no_score(us):
    y, x = np.mgrid[:240, :320]
    sector = (us.picture(us.disc()) * (np.abs(x - 160) < 40 + y / 2)).astype(np.uint8)
    result = us.algorithm().run(us.series_of(sector))
    with pytest.raises(CorrectionError, match=r"hard .*which follows from region: .* divides by zero"):
        corrected(result, [Change("region", "2,2 30,2 30,30 2,30")])


@pytest.mark.parametrize("finds", [True, False])
def test_what_only_follows_cannot_be_set(us, finds):
    result = us.algorithm(finds=finds).run(us.series_of(us.picture(us.disc()), BodyPartExamined="THYROID"))
    assert [one.key for one in correctable(result)] == ["region", "score"]
    for key in ("soft", "medium", "hard", "hard_core", "hard_around", "region_from"):
        with pytest.raises(CorrectionError, match=f"{key} cannot be set: it follows from region: set that"):
            corrected(result, [Change(key, "0.5")])
    with pytest.raises(CorrectionError, match=r"score_meaning cannot be set: it follows from .*score"):
        corrected(result, [Change("score_meaning", "THYROID_2")])


def test_cannot_say_is_an_answer_without_elastogram_or_score(us):
    result = us.algorithm(test=us.unfamiliar).run(us.series_of(us.picture(us.disc()), BodyPartExamined="THYROID"))
    told = result.summary
    assert told["in_distribution"] is False
    assert [told[key] for key in ("score", "score_meaning", "fractions", "region_px")] == [None] * 4
    assert told["synthetic"] is True
    (group,) = result.groups
    assert group.finding.meaning.startswith("Cannot say")
    assert [one.value for one in group.measurements] == [9.25, 4.0]
    assert result.segments == ()
    assert correctable(result) == ()
    assert result.requires_review
    assert any("cannot say" in note for note in result.notes)
    assert "elastogram - " not in result.pictures[0].title


def test_a_region_may_be_given_instead(us):
    square = ((120.0, 80.0), (180.0, 80.0), (180.0, 140.0), (120.0, 140.0))
    pictures = us.series_of(us.picture(us.disc(150.0, 110.0, 40.0)), BodyPartExamined="THYROID")
    result = us.algorithm(region=square).run(pictures)
    assert result.summary["region_from"] == "option"
    assert result.summary["region_px"] == [list(point) for point in square]
    assert result.summary["score"] == 4
    beyond = ((900.0, 80.0), (950.0, 80.0), (950.0, 140.0))
    with pytest.raises(UnsuitableSeries, match="option region needs to lie on the picture"):
        us.algorithm(region=beyond).run(pictures)


def test_every_image_of_a_series_is_reported_and_the_highest_score_leads(us):
    quiet, hard = us.picture(us.disc(grey=220)), us.picture(us.disc(100.0, 90.0, 30.0), rows=200, columns=260)
    small = us.picture(rows=50, columns=50)
    result = us.algorithm().run(us.series_of(quiet, hard, small, BodyPartExamined="THYROID"))
    told = result.summary
    assert (told["score"], told["sop_instance_uid"]) == (4, "1.2.3.2")
    (further,) = told["further_images"]
    assert (further["score"], further["sop_instance_uid"]) == (1, "1.2.3.1")
    assert further["fractions"]["soft"] == pytest.approx(1.0, abs=0.05)
    assert [one["sop_instance_uid"] for one in told["not_analysed"]] == ["1.2.3.3"]
    assert "needs a 2-D region" in told["not_analysed"][0]["reason"]
    assert [group.region.key for group in result.groups] == ["region", "region_2"]
    assert result.pictures[0].pixels.shape[0] == 2
    assert len(result.tables[0].rows) == 2
    assert {segment.masks.shape[1:] for segment in result.segments} == {(200, 260), (240, 320)}
    done = corrected(result, [Change("score_2", "2")]).result.summary
    assert (done["score"], done["further_images"][0]["score"]) == (4, 2)


def test_nothing_to_analyse_is_refused_with_every_reason(us):
    with pytest.raises(UnsuitableSeries, match=r"^needs a 2-D region of >= 64 pixels each way; got 50 x 50$"):
        us.algorithm().run(us.series_of(us.picture(rows=50, columns=50)))
    two = us.series_of(us.picture(rows=50, columns=50), np.zeros((100, 100), np.uint8))
    with pytest.raises(UnsuitableSeries) as refused:
        us.algorithm().run(two)
    assert "instance 1.2.3.1: needs a 2-D region of" in str(refused.value)
    assert "instance 1.2.3.2: needs a picture in its 2-D region; it is blank" in str(refused.value)


def test_the_corners_that_the_probe_did_not_see_do_not_count(us):
    y, x = np.mgrid[:240, :320]
    sector = us.picture(us.disc()) * (np.abs(x - 160) < 40 + y / 2)
    result = us.algorithm(finds=False).run(us.series_of(sector.astype(np.uint8)))
    covered = sum(segment.masks.read(0, 1)[0] for segment in result.segments)
    assert not covered[10, 10]
    assert covered[110, 150]
    assert covered.sum() == pytest.approx((sector > 0).sum(), rel=0.03)


def test_a_region_found_where_the_probe_saw_nothing_is_none(us):
    y, x = np.mgrid[:240, :320]
    cut = us.picture() * (x + y > 150)  # the stand-in takes the black corner for a dark lesion
    result = us.algorithm().run(us.series_of(cut.astype(np.uint8)))
    assert result.summary["region_from"] == "whole_picture"
    assert result.summary["score"] is None


def test_the_style_reaches_the_networks_and_the_summary(us):
    algorithm = us.algorithm(style="shear_wave")
    result = algorithm.run(us.series_of(us.picture(us.disc()), BodyPartExamined="BREAST"))
    assert algorithm._networks.styles == ["shear_wave"]
    assert (result.summary["style"], result.summary["scheme"]) == ("shear_wave", "general")


@pytest.mark.parametrize("wrong", [((1.0, 1.0), (2.0, 2.0)), ((1.0, 1.0), (2.0, 2.0), (math.nan, 1.0))])
def test_a_region_that_is_no_polygon_is_no_option(us, wrong):
    with pytest.raises(ValueError, match=r"polygon|finite"):
        us.algorithm(region=wrong)


@pytest.mark.parametrize("wrong", [(0,), (2, 2)])
def test_frames_count_from_one_each_once(us, wrong):
    with pytest.raises(ValueError, match="count from 1"):
        us.algorithm(frames=wrong)


def test_without_its_models_it_is_not_made():
    with pytest.raises(ModelError, match="generator"):
        create(Options(), NoModels())


def test_every_group_has_a_region(us):
    both = us.algorithm(test=lambda canvas, features: us.familiar(canvas, features))
    result = both.run(us.series_of(us.picture(us.disc()), us.picture(us.disc(grey=220))))
    assert all(isinstance(group.region, Region) for group in result.groups)
    assert set(values(result)) >= {"score", "score_2", "hard", "hard_2"}
