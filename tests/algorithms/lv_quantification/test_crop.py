"""What the networks see: the same for any unit, any turn of the picture; and the way back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.lv_quantification.crop import (
    CROP_MM,
    FIELD_MM,
    TARGET_RANGE,
    back_to_picture,
    crop,
    equalised,
    field,
    sampled,
    to_grid,
)
from dicom_node.series import Spacing

LOW, HIGH = TARGET_RANGE


@pytest.fixture
def picture():
    """(200, 240) smooth shapes, 12 bits; dark outside a body, so that turning brings in nothing new."""
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.normal(size=(200, 240)).astype(np.float32), (0, 0), 6.0)
    y, x = np.mgrid[:200, :240]
    body = np.clip((90.0 - np.hypot(x - 119.5, y - 99.5)) / 10.0, 0.0, 1.0)
    return (body * np.clip(1500 + 9000 * texture, 0, 4000)).astype(np.uint16)


@pytest.mark.parametrize("top", [255, 256, 1024, 4096])
@pytest.mark.parametrize(("slope", "offset"), [(2.0, 0.0), (0.1, 0.0), (0.37, -1000.0), (1.0, 12345.0)])
def test_equalised_alike_in_any_unit(top, slope, offset):
    values = np.minimum(np.random.default_rng(0).gamma(2, 60, (64, 64)).astype(int), top)
    values[0, :2] = 0, top
    assert equalised(values * slope + offset) == pytest.approx(equalised(values))


def test_equalised_is_flat_within_the_range_and_keeps_the_order():
    values = np.random.default_rng(1).exponential(40.0, (100, 100))
    made = equalised(values)
    assert made.dtype == np.float32
    assert LOW <= made.min() < made.max() <= HIGH
    order = np.argsort(values, axis=None)
    assert (np.diff(made.ravel()[order]) >= 0).all()
    # a histogram that was steep is level: each tenth of the range has a tenth of the pixels, but for one wide level
    assert np.histogram(made, 10, TARGET_RANGE)[0] / made.size == pytest.approx(0.1, abs=0.04)


def test_equalised_by_hand():
    """Half of the pixels are 0, a quarter 1, a quarter 2: the middles of their shares are 1/4, 5/8, 7/8."""
    made = equalised(np.array([[0, 0, 1, 2]]), (0.0, 8.0))
    assert made.tolist() == [[2.0, 2.0, 5.0, 7.0]]


def test_a_constant_picture_is_all_dark():
    assert (equalised(np.full((4, 5), 77)) == LOW).all()


@pytest.mark.parametrize("turn", [90, 180, -90])
def test_a_quarter_turn_of_the_picture_gives_the_same_crop(turn):
    """Of any picture: nothing is interpolated."""
    values = np.random.default_rng(2).integers(0, 500, (150, 150))
    turned = np.rot90(values, turn // 90)  # counter-clockwise as displayed
    straight, _ = crop(values, (74.5, 74.5), Spacing(1.0, 1.0))
    again, _ = crop(turned, (74.5, 74.5), Spacing(1.0, 1.0), anchor_deg=turn)
    assert again == pytest.approx(straight, abs=0.02)


@pytest.mark.parametrize("turn", [25.0, -110.0])
def test_a_turned_picture_gives_the_same_crop(picture, turn):
    rows, columns = picture.shape
    middle = ((columns - 1) / 2, (rows - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, turn, 1.0)  # OpenCV: positive is counter-clockwise as displayed
    turned = cv2.warpAffine(picture.astype(np.float32), matrix, (columns, rows))
    centre = (131.0, 92.0)
    where = tuple(matrix @ (*centre, 1.0))
    straight, _ = crop(picture, centre, Spacing(1.0, 1.0))
    again, _ = crop(turned, where, Spacing(1.0, 1.0), turn)
    inside = np.hypot(*(np.mgrid[:128, :128] - 63.5)) < 55
    assert np.abs(again - straight)[inside].mean() < 0.02
    assert np.abs(crop(turned, where, Spacing(1.0, 1.0))[0] - straight)[inside].mean() > 0.1


def test_grid_axes_are_mm_of_the_picture():
    """From the grid's middle 10 mm along its x axis, turned by 90: 10 mm up. Rows are 2 mm apart."""
    matrix = to_grid((50.0, 60.0), Spacing(2.0, 0.5), 128, 1.0, 90.0)
    assert matrix @ (63.5, 63.5, 1.0) == pytest.approx([50.0, 60.0])
    assert matrix @ (73.5, 63.5, 1.0) == pytest.approx([50.0, 55.0])
    assert matrix @ (63.5, 73.5, 1.0) == pytest.approx([70.0, 60.0])


@pytest.mark.parametrize(("spacing", "turn"), [((1.0, 1.0), 0.0), ((1.4, 1.4), 33.0), ((1.8, 0.9), -120.0)])
def test_back_to_picture_is_the_inverse(spacing, turn):
    """A disc of 20 mm drawn on the grid comes back as one, within a pixel of the grid's middle."""
    away = np.hypot(*(np.mgrid[:128, :128] - 63.5)) * CROP_MM
    centre = (70.2, 81.7)
    drawn = np.clip(20.5 - away, 0, 1).astype(np.float32)
    back = back_to_picture(drawn, to_grid(centre, Spacing(*spacing), 128, CROP_MM, turn), 180, 170) >= 0.5
    y, x = np.mgrid[:180, :170]
    truth = np.hypot((x - centre[0]) * spacing[1], (y - centre[1]) * spacing[0])
    assert back.shape == (180, 170)
    assert (back == (truth < 20.0))[np.abs(truth - 20.0) > max(spacing)].all()
    assert back.sum() * spacing[0] * spacing[1] == pytest.approx(np.pi * 400, rel=0.02)


def test_there_and_back_is_the_same_picture(picture):
    matrix = to_grid((120.0, 100.0), Spacing(1.0, 1.0), 128, 1.0, 20.0)
    back = back_to_picture(sampled(picture, matrix, 128), matrix, *picture.shape)
    inside = np.hypot(*(np.mgrid[:200, :240].T - (100.0, 120.0)).T) < 55
    assert np.abs(back - picture)[inside].mean() < 0.02 * picture.max()


def test_beyond_the_picture_it_is_as_dark_as_air_in_any_unit(picture):
    """A field of 120 mm in the finder's 333 mm: the same picture with an offset of 1000 looks the same."""
    small = picture[40:160, 60:180]
    plain, _ = field(small, Spacing(1.0, 1.0))
    lifted, _ = field(small.astype(np.int32) + 1000, Spacing(1.0, 1.0))
    assert lifted == pytest.approx(plain, abs=0.02)


def test_the_field_is_the_middle_of_the_picture():
    """A dot 52 mm right of the middle and 26 mm above it: 20 and 10 pixels on the grid."""
    spacing = Spacing(26.0 / (127.5 - 107.5), 52.0 / (139.5 - 99.5))
    y, x = np.mgrid[:256, :200]
    values = np.exp(-(((x - 139.5) ** 2 + (y - 107.5) ** 2) / 18))
    seen, matrix = field(values, spacing)
    row, column = np.unravel_index(np.argmax(seen), seen.shape)
    brightest = np.argwhere(seen == seen.max()).mean(axis=0)
    assert brightest == pytest.approx([63.5 - 10, 63.5 + 20], abs=0.6)
    assert matrix @ (column, row, 1.0) == pytest.approx([139.5, 107.5], abs=2 * FIELD_MM)
