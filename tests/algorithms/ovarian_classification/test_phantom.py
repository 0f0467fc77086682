"""The simulator: what it says of a picture holds in the picture, by what is known of how ultrasound looks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.phantom import (
    KINDS,
    LABELS,
    PictureOptions,
    SimulatedPicture,
    cine_of,
    picture_of,
)

PLAIN = PictureOptions(marks=False, compressed=False)


def _picture(kind: str, seed: int, options: PictureOptions = PLAIN) -> SimulatedPicture:
    return picture_of(np.random.default_rng(seed), kind, options)


def _grey(picture: SimulatedPicture) -> np.ndarray:
    return picture.rgb.mean(axis=2)


def _contents(picture: SimulatedPicture) -> np.ndarray:
    """What is outlined, without its wall."""
    return cv2.erode(picture.lesion.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0


def _brightness(kind: str, seeds: range) -> float:
    """Of the brighter part of contents (a dermoid's fat) against what is round them, median over pictures."""
    pictures = [_picture(kind, seed, PictureOptions(320, marks=False, compressed=False)) for seed in seeds]
    return float(np.median([np.quantile(_grey(p)[_contents(p)], 0.9) / _grey(p)[_around(p)].mean() for p in pictures]))


def _around(picture: SimulatedPicture) -> np.ndarray:
    """Ring round the outline, as far as it is not black margin."""
    wide = cv2.dilate(picture.lesion.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    near = cv2.dilate(picture.lesion.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return wide & ~near & (cv2.blur(_grey(picture), (9, 9)) > 8)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_a_whole_picture(kind: str) -> None:
    picture = _picture(kind, 3, PictureOptions())
    rows, columns = picture.rgb.shape[:2]
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.shape == (rows, columns, 3)
    assert picture.lesion.shape == (rows, columns)
    assert tuple(picture.labels) == LABELS
    assert picture.category is None or picture.category in CLASSES
    assert "Simulated" in picture.statement
    x0, y0, x1, y1 = picture.region
    assert 0 <= x0 < x1 < columns
    assert 0 <= y0 < y1 < rows
    outside = picture.lesion.copy()
    outside[y0 : y1 + 1, x0 : x1 + 1] = False
    assert not outside.any()


def test_the_same_seed_gives_the_same_picture_and_another_does_not() -> None:
    first, again, other = (_picture("high_grade_serous", seed, PictureOptions(448)) for seed in (5, 5, 6))
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.lesion, again.lesion)
    assert first.rgb.shape != other.rgb.shape or not np.array_equal(first.rgb, other.rgb)


def test_kinds_left_to_chance_come_by_their_shares() -> None:
    assert sum(KINDS.values()) == pytest.approx(1.0)
    kinds = {picture_of(np.random.default_rng(seed), None, PictureOptions(128)).kind for seed in range(24)}
    assert len(kinds) > 8


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match=r"normal_ovary.*got 'ovary'"):
        picture_of(np.random.default_rng(0), "ovary")


@pytest.mark.parametrize(
    ("kind", "present", "absent"),
    [
        ("normal_ovary", {"adnexa"}, {"lesion", "three_d", "undetermined"}),
        ("serous_cyst", {"adnexa", "lesion"}, {"three_d", "undetermined"}),
        ("uterus", set(), {"adnexa", "lesion", "ascites", "three_d", "undetermined"}),
        ("ascites", {"ascites"}, {"three_d", "undetermined"}),
        ("doppler", {"blood_flow"}, {"three_d", "undetermined"}),
        ("three_d", {"three_d"}, {"undetermined", "blood_flow"}),
        ("undetermined", {"undetermined"}, {"adnexa", "lesion", "ascites", "blood_flow", "three_d"}),
        ("heart", set(), set(LABELS)),
    ],
)
def test_labels_are_those_of_the_kind(kind: str, present: set[str], absent: set[str]) -> None:
    for seed in range(3):
        labels = {name for name, holds in _picture(kind, seed, PictureOptions(224)).labels.items() if holds}
        assert present <= labels
        assert not absent & labels


def test_a_lesion_or_ovary_is_outlined_where_its_label_says_so() -> None:
    for seed in range(16):
        picture = picture_of(np.random.default_rng(seed), None, PictureOptions(256))
        if picture.labels["adnexa"] and not picture.labels["three_d"]:
            assert picture.lesion.sum() > 0.002 * picture.lesion.size
            assert (picture.category == "Ovary_Normal") == (not picture.labels["lesion"])
        else:
            assert not picture.lesion.any()


def test_clear_cysts_are_darker_than_what_is_round_them_and_bright_behind() -> None:
    """Fluid does not scatter, and takes no sound away: posterior enhancement."""
    brighter = 0
    for seed in range(8):
        picture = _picture("simple_cyst", seed)
        grey = _grey(picture)
        assert grey[picture.lesion].mean() < 0.6 * grey[_around(picture)].mean()
        rows, columns = np.nonzero(picture.lesion)
        middle = slice(int(np.quantile(columns, 0.4)), int(np.quantile(columns, 0.6)) + 1)
        height = np.ptp(rows)
        behind = grey[rows.max() + 4 : rows.max() + 4 + height // 3, middle]
        before = grey[max(rows.min() - 4 - height // 3, 0) : rows.min() - 4, middle]
        brighter += bool(behind.mean() > before.mean())
    assert brighter >= 6


def test_contents_are_ordered_as_sonographers_know_them() -> None:
    """Clear fluid is darkest, ground glass lies between it and the fat of a dermoid."""
    clear, glass, fat = (_brightness(kind, range(6)) for kind in ("simple_cyst", "chocolate_cyst", "teratoma"))
    assert clear < glass < fat


def test_a_fibroma_takes_the_sound_away() -> None:
    ratios = []
    for seed in range(8):
        picture = _picture("theca_tumour", seed)
        rows, columns = np.nonzero(picture.lesion)
        grey = cv2.blur(_grey(picture), (5, 5))
        middle = slice(int(np.quantile(columns, 0.3)), int(np.quantile(columns, 0.7)) + 1)
        third = max(np.ptp(rows) // 4, 3)
        ratios.append(
            grey[rows.max() - third : rows.max(), middle].mean() / grey[rows.min() + 4 :][:third, middle].mean()
        )
    assert np.median(ratios) < 0.9


def test_speckle_is_that_of_an_envelope_not_of_independent_pixels() -> None:
    """Neighbours are alike (the beam is wider than a pixel), places some way apart are not."""
    picture = _picture("liver", 1, PictureOptions(448, False, marks=False, compressed=False))
    patch = _grey(picture)[170:250, 170:260]
    patch = patch - cv2.GaussianBlur(patch, (0, 0), 6)

    def alike(step: int) -> float:
        return float(np.corrcoef(patch[:, step:].ravel(), patch[:, :-step].ravel())[0, 1])

    assert patch.std() > 4
    assert alike(1) > 0.5
    assert abs(alike(14)) < 0.25


def test_coloured_pixels_are_there_where_flow_is_said_and_only_there() -> None:
    def coloured(picture: SimulatedPicture) -> int:
        x0, y0, x1, y1 = picture.region
        inner = picture.rgb[y0 : y1 + 1, x0 + 40 : x1 - 90].astype(int)
        return int((np.ptp(inner, axis=2) > 80).sum())

    for seed in range(4):
        assert coloured(_picture("doppler", seed)) > 100
        assert coloured(_picture("uterus", seed)) < 100


def test_three_dimensional_views_are_in_skin_tones() -> None:
    for seed in range(4):
        picture = _picture("three_d", seed)
        lit = picture.rgb[picture.rgb.max(axis=2) > 60].astype(int)
        assert (lit[:, 0] > lit[:, 2] + 15).mean() > 0.2


def test_undetermined_pictures_show_little() -> None:
    """Hardly any detail: blank, washed out, blurred or narrow; a common cyst has more, whatever the fault."""
    for seed in range(10):
        picture = _picture("undetermined", seed, PictureOptions(320, False, marks=False, compressed=False))
        grey = _grey(picture)
        grey = grey[int(0.1 * len(grey)) :, 40:-100]
        middling = (grey > 25) & (grey < 230)
        detail = np.abs(cv2.Laplacian(grey, cv2.CV_64F, ksize=3))
        even = cv2.GaussianBlur(grey, (0, 0), 5)
        shown = even[middling].std() if middling.mean() > 0.25 and np.median(detail[middling]) > 6 else 0.0
        assert shown < 25, seed


def test_a_cine_shows_one_body_while_the_probe_is_swung() -> None:
    frames = cine_of(
        np.random.default_rng(4), "serous_cyst", 4, 3.0, PictureOptions(256, False, "curved", False, False)
    )
    assert len(frames) == 4
    assert len({frame.rgb.shape for frame in frames}) == 1
    assert len({frame.region for frame in frames}) == 1

    def alike(a: SimulatedPicture, b: SimulatedPicture) -> float:
        return float(np.corrcoef(_grey(a).ravel(), _grey(b).ravel())[0, 1])

    assert 0.999 > alike(frames[0], frames[1]) > alike(frames[0], frames[3]) > 0.3
    places = [float(np.nonzero(frame.lesion)[1].mean()) for frame in frames]
    assert np.all(np.diff(places) < 0) or np.all(np.diff(places) > 0)


def test_a_cine_of_a_strip_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'm_mode'"):
        cine_of(np.random.default_rng(0), "m_mode", 4)
