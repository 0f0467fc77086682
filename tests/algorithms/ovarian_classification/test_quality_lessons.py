"""What teaches the quality network: labels read from pictures, sources kept together, every sample well formed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.ovarian_classification.nonsense import nonsense
from algorithms.ovarian_classification.phantom import picture_of
from algorithms.ovarian_classification.quality import INPUT_PX, LABELS
from algorithms.ovarian_classification.quality_lessons import Lessons, filled, sample_of, spoiled
from algorithms.ovarian_classification.quality_pool import (
    blood_flow,
    flow_label,
    other_lesson,
    pelvic_lesson,
    taught_sources,
)
from algorithms.ovarian_classification.real_pictures import Picture
from algorithms.ovarian_classification.training_data import Labelled

BLUE, RED, YELLOW = (30, 60, 220), (220, 40, 30), (230, 210, 40)


def sector(rows: int = 300, columns: int = 400) -> np.ndarray:
    """A grey half disc with speckle."""
    rng = np.random.default_rng(0)
    grey = np.zeros((rows, columns), np.uint8)
    cv2.ellipse(grey, (columns // 2, 0), (columns // 2 - 10, rows - 20), 0, 0, 180, 90, -1)
    grey = np.where(grey > 0, np.clip(grey + rng.normal(0, 15, grey.shape), 20, 255), 0).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def labelled(rgb: np.ndarray, category: str = "Teratoma") -> Labelled:
    return Labelled("7.jpg", 7, "0123456789ab", rgb, np.zeros(rgb.shape[:2], bool), category)


@pytest.mark.parametrize("colour", [BLUE, RED])
def test_a_coloured_patch_in_the_sector_is_blood_flow(colour):
    rgb = sector()
    cv2.circle(rgb, (200, 150), 9, colour, -1)
    assert flow_label(blood_flow(rgb)) == 1.0
    assert blood_flow(rgb).sum() == pytest.approx(np.pi * 9**2, rel=0.15)


def test_the_scale_of_colours_text_and_calipers_are_no_blood_flow():
    rgb = sector()
    rgb[10:60, 2:10], rgb[60:110, 2:10] = RED, BLUE  # the scale beside the sector
    cv2.putText(rgb, "CHI 4", (340, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.35, BLUE, 1)
    rgb[285:295, 300:390] = (20, 90, 200)  # a box of text below
    cv2.drawMarker(rgb, (180, 140), YELLOW, cv2.MARKER_CROSS, 12, 2)
    assert flow_label(blood_flow(rgb)) == 0.0


def test_what_a_public_picture_tells_and_what_it_does_not():
    told = dict(zip(LABELS, pelvic_lesson(labelled(sector(), "Ovary_Normal")).labels, strict=True))
    assert np.isnan(told.pop("ascites"))
    assert told == {"adnexa": 1, "lesion": 0, "blood_flow": 0, "three_d": 0, "undetermined": 0}
    assert pelvic_lesson(labelled(sector())).labels[LABELS.index("lesion")] == 1


def test_pictures_of_one_file_or_patient_are_taught_or_held_out_together():
    pictures = [Picture("MR", f"SC-N-{patient}-IM-0001-00{n}.png", sector()) for patient in range(8) for n in (10, 11)]
    pictures += [Picture("echocardiography", f"cine{k}.dcm#{frame}", sector()) for k in range(4) for frame in (1, 9)]
    taught = taught_sources(pictures)
    assert taught >= {"SC-N-0", "cine0.dcm"}
    assert len({p.source for p in pictures if p.kind == "MR"} - taught) == 2
    assert {p.source for p in pictures if p.kind == "echocardiography"} - taught == {"cine1.dcm"}


def test_a_sector_filled_with_something_else_shows_no_adnexa():
    rng = np.random.default_rng(3)
    lesson = pelvic_lesson(labelled(sector()))
    made = filled(lesson, np.full((40, 60), 200, np.uint8), rng)
    assert made.labels[LABELS.index("adnexa")] == 0
    assert (made.plain == np.where(lesson.plain > 0, 200, 0)).all()


def test_a_sample_without_marks_has_no_blood_flow():
    rgb = sector()
    cv2.circle(rgb, (200, 150), 30, RED, -1)
    lesson, rng = pelvic_lesson(labelled(rgb)), np.random.default_rng(0)
    for _ in range(40):
        picture, labels = sample_of(lesson, rng)
        assert picture.shape == (3, INPUT_PX, INPUT_PX)
        assert picture.min() >= 0
        assert picture.max() <= 1
        if np.ptp(picture, axis=0).max() < 0.02:
            assert labels[LABELS.index("blood_flow")] == 0


def test_samples_follow_from_the_seed_and_come_from_whatever_pool_there_is():
    rng = np.random.default_rng(5)
    simulated = [picture_of(rng, kind) for kind in ("bladder", "simple_cyst")]
    pool = [other_lesson(Picture("MR", f"{n}.png", one.rgb)) for n, one in enumerate(simulated)]
    first, second = (Lessons(pool).draw(np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    for _ in range(30):
        assert Lessons(pool).draw(rng)[1][LABELS.index("adnexa")] == 0


def test_spoiled_and_senseless_pictures_are_pictures():
    rng = np.random.default_rng(1)
    for _ in range(40):
        for picture in (nonsense(rng), spoiled(sector(90, 120), rng)):
            assert picture.dtype == np.uint8
            assert picture.ndim == 3
            assert picture.shape[2] == 3
