"""The page that a reader sees: what stands where, and that nothing generated is shown where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.virtual_elastography.pictures import (
    BAND_PX,
    BAR_PX,
    BAR_ROOM_PX,
    COLUMNS,
    HEADER_PX,
    MARGIN_PX,
    PANEL_PX,
    ROWS,
    TITLE_PX,
    WARNING,
)

TOP = HEADER_PX + TITLE_PX


def page_of(result, number: int = 0) -> np.ndarray:
    return result.pictures[0].pixels.read(number, number + 1)[0]


def panel(page: np.ndarray, place: int) -> np.ndarray:
    left = MARGIN_PX + place * (PANEL_PX + MARGIN_PX)
    return page[TOP : TOP + PANEL_PX, left : left + PANEL_PX].astype(int)


def band(page: np.ndarray, place: int) -> np.ndarray:
    left = MARGIN_PX + place * (PANEL_PX + MARGIN_PX)
    return page[TOP + PANEL_PX : TOP + PANEL_PX + BAND_PX, left : left + PANEL_PX]


def coloured(part: np.ndarray) -> np.ndarray:
    return part.max(axis=2) - part.min(axis=2) > 100


@pytest.fixture
def page(us) -> np.ndarray:
    return page_of(us.algorithm().run(us.series_of(us.picture(us.disc(160.0, 120.0, 40.0)))))


def test_panels_show_the_picture_the_colours_and_both(page):
    assert page.shape == (ROWS, COLUMNS, 3)
    b_mode, elastogram, blended = (panel(page, place) for place in range(3))
    assert not coloured(b_mode).any()
    middle = (PANEL_PX // 2, PANEL_PX // 2)  # of the disc, which is hard
    assert elastogram[middle][2] > elastogram[middle][0] + 100
    beside = (PANEL_PX // 2, 30)  # medium
    assert elastogram[beside].argmax() == 1
    assert elastogram[beside].max() > 200
    assert blended[middle][2] > blended[middle][0]
    assert 0 < blended[beside].max() < 220


def test_the_region_is_outlined_on_all_panels(page):
    for place in range(3):
        ring = panel(page, place)[PANEL_PX // 2, PANEL_PX // 2 + 44 : PANEL_PX // 2 + 57]  # radius 40 of 320 in 400
        assert ring.min(axis=1).max() > 200, "a white line"


def test_the_words_are_burned_in_below_both_generated_panels(page):
    for place in (1, 2):
        assert (band(page, place) == WARNING).all(axis=2).sum() > 100
    assert not (band(page, 0) == WARNING).all(axis=2).any()


def test_the_colour_bar_goes_from_soft_at_the_top_to_hard_at_the_bottom(page):
    bar = page[TOP : TOP + PANEL_PX, COLUMNS - BAR_ROOM_PX : COLUMNS - BAR_ROOM_PX + BAR_PX]
    assert bar[0, 0].tolist() == [255, 0, 0]
    assert bar[PANEL_PX // 2, 0].argmax() == 1
    assert bar[-1, 0].tolist() == [0, 0, 255]


def test_where_nothing_can_be_said_nothing_generated_is_shown(us):
    result = us.algorithm(test=us.unfamiliar).run(us.series_of(us.picture(us.disc())))
    page = page_of(result)
    assert panel(page, 0).mean() > 50, "the B-mode picture"
    for place in (1, 2):
        shown = panel(page, place)
        told = (shown == WARNING).all(axis=2)
        assert told.sum() > 100
        assert not coloured(np.where(told[..., None], 0, shown))[:150].any()
    bar = page[TOP : TOP + PANEL_PX, COLUMNS - BAR_ROOM_PX :].astype(int)
    assert not coloured(bar).any()


def test_each_picture_has_a_page_of_the_same_size(us):
    result = us.algorithm().run(us.series_of(us.picture(us.disc()), us.picture(us.disc(), rows=400, columns=100)))
    pixels = result.pictures[0].pixels
    assert pixels.shape == (2, ROWS, COLUMNS, 3)
    assert pixels.read(0, 2).shape == pixels.shape
    assert (pixels.read(0, 1)[0] != pixels.read(1, 2)[0]).any()
