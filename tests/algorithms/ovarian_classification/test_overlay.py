"""The pages that a reader looks at: what stands where, and that every image has its place on one of them."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.overlay import GREY, LESION_INK, OVARY_INK, PANEL_PX
from algorithms.ovarian_classification.paper import COLUMNS, HEADER_PX, MARGIN_PX, ROWS, WARNING, font, wrapped
from dicom_node.series import Series

TOP = HEADER_PX + 24


def pages_of(result) -> np.ndarray:
    pixels = result.pictures[0].pixels
    return pixels.read(0, pixels.shape[0])


def panel(page: np.ndarray, place: int) -> np.ndarray:
    left = MARGIN_PX + place * (PANEL_PX + MARGIN_PX)
    return page[TOP : TOP + PANEL_PX, left : left + PANEL_PX].astype(int)


def inked(part: np.ndarray, ink: tuple[int, int, int]) -> np.ndarray:
    return (part == ink).all(axis=2)


@pytest.fixture(scope="module")
def result(ovary):
    dropped = [ovary.answer(used=False, reason=f"reason {n}") for n in range(10)]
    return ovary.run(ovary.answer(), ovary.answer(p_lesion=0.1), ovary.answer(lesion_px=None), *dropped)


def test_each_used_image_has_a_page_and_the_dropped_follow(result):
    pages = pages_of(result)
    assert pages.shape == (3 + 2, ROWS, COLUMNS, 3)  # ten dropped, eight on a page
    assert pages.dtype == np.uint8
    for page in pages:
        assert inked(page[ROWS - 30 :], WARNING).sum() > 100, "research use"
    assert inked(pages[0][TOP + PANEL_PX : ROWS - 30], WARNING).sum() > 300, "which class the map is for"


def test_the_outline_is_drawn_on_both_panels_where_the_lesion_lies(result):
    pages = pages_of(result)
    scale = PANEL_PX / 160  # the longer side
    above = (PANEL_PX - 120 * scale) / 2
    for place in (0, 1):
        rows, columns = np.nonzero(inked(panel(pages[0], place), LESION_INK))
        assert (columns.min() / scale, columns.max() / scale) == pytest.approx((20, 60), abs=1.5)
        assert ((rows.min() - above) / scale, (rows.max() - above) / scale) == pytest.approx((30, 50), abs=1.5)
        assert inked(panel(pages[1], place), OVARY_INK).any()
        for ink in (LESION_INK, OVARY_INK):
            assert not inked(panel(pages[2], place), ink).any()


def test_the_map_is_blended_over_the_right_panel_alone(result):
    page = pages_of(result)[0]
    left, right = panel(page, 0), panel(page, 1)
    middle = (round(PANEL_PX * 40 / 160), round(PANEL_PX * (20 + 40) / 160))  # of the lesion, (x, y)
    assert np.ptp(left[middle[1], middle[0]]) == 0
    lit = right[middle[1], middle[0]]
    assert lit[0] > lit[2] + 40, "yellow"
    beside = (round(PANEL_PX * 130 / 160), PANEL_PX // 2)
    assert (right[beside[1], beside[0]] == left[beside[1], beside[0]]).all()
    bar = page[TOP : TOP + PANEL_PX, MARGIN_PX + 2 * (PANEL_PX + MARGIN_PX) + 5].astype(int)
    assert bar[0].sum() > bar[PANEL_PX // 2].sum()
    assert bar[-1].tolist() == [GREY] * 3


def test_pages_are_the_same_one_by_one(result):
    pixels, all_of_them = result.pictures[0].pixels, pages_of(result)
    for number in (0, 4):
        assert (pixels.read(number, number + 1)[0] == all_of_them[number]).all()
    assert pixels.read(4, 99).shape[0] == 1


def test_dropped_images_may_be_listed_without_their_pictures(ovary):
    answers = [ovary.answer(), *[ovary.answer(used=False, reason="shows no adnexa")] * 3]
    shown, listed = (pages_of(ovary.run(*answers, dropped_images=how))[-1] for how in ("shown", "listed"))
    thumbnail = shown[80:220, 20:210]
    assert (thumbnail == 20).all(axis=2).mean() > 0.5  # the grey of picture 1
    assert not (listed == 20).all(axis=2).any()
    assert ovary.run(ovary.answer()).pictures[0].pixels.shape[0] == 1


def test_an_image_that_holds_no_picture_is_listed_without_one(ovary):
    capture = ovary.volume(ovary.picture(0)[None], uid="1.2.4", sop_class="1.2.840.10008.5.1.4.1.1.7")
    made = ovary.algorithm(ovary.answer()).run(Series("1.9.9", (capture, *ovary.stills(1).volumes)))
    assert pages_of(made).shape[0] == 2


def test_words_keep_to_their_width_and_none_is_lost():
    text = "unlike every picture " + "1.2.840.113619." * 6
    lines = wrapped(text, 15, 200)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(font(15).getlength(line) <= 200 for line in lines)


def test_of_very_many_images_those_with_the_highest_probability_have_pages(ovary, monkeypatch):
    """More pages would not fit one object, and the whole result would be lost."""
    monkeypatch.setattr("algorithms.ovarian_classification.overlay.PAGES_AT_MOST", 2)
    monkeypatch.setattr("algorithms.ovarian_classification.summary.PAGES_AT_MOST", 2)
    result = ovary.run(ovary.answer(0.9, 0.9), ovary.answer(0.1, 0.1), ovary.answer(0.5, 0.5))
    pixels = result.pictures[0].pixels
    assert pixels.shape[0] == 2
    assert [number for number, _ in pixels._used] == [1, 3]
    assert any("of the 2 images with the highest P(cancer) of 3 used" in note for note in result.notes)
