"""The estimated epicardium on pictures whose wall is known, and no estimate where nothing shows it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.lv_quantification.epicardium import estimated_inside
from algorithms.lv_quantification.indices import indices_of
from dicom_node.series import Spacing

FINE = Spacing(1.3, 1.3)
BLOOD, WALL, AROUND = 900.0, 150.0, 450.0


def heart(thickness_mm, spacing=FINE, around=AROUND, noise=12.0):
    """(image, cavity, all inside the epicardium). ``thickness_mm``: (angle in degrees) -> mm; cavity of 21 mm."""
    rows, columns = round(120 / spacing.row_mm), round(130 / spacing.column_mm)
    y, x = np.mgrid[:rows, :columns]
    right, up = x * spacing.column_mm - 63.0, 58.0 - y * spacing.row_mm
    away, angle = np.hypot(right, up), np.degrees(np.arctan2(up, right)) % 360.0
    cavity, inside = away < 21.0, away < 21.0 + thickness_mm(angle)
    image = np.where(cavity, BLOOD, np.where(inside, WALL, around)).astype(np.float32)
    image = cv2.GaussianBlur(image, (0, 0), 0.7) + np.random.default_rng(5).normal(0, noise, image.shape)
    return image.astype(np.float32), cavity, inside


@pytest.mark.parametrize("spacing", [Spacing(1.3, 1.3), Spacing(1.0, 1.6)])
@pytest.mark.parametrize("thickness_mm", [6.0, 9.0, 13.0])
def test_an_even_wall(thickness_mm, spacing):
    image, cavity, inside = heart(lambda angle: np.full(angle.shape, thickness_mm), spacing)
    found = estimated_inside(image, cavity, spacing)
    assert found is not None
    assert found[cavity].all()
    assert indices_of(cavity, found & ~cavity, spacing)[5:] == pytest.approx(thickness_mm, abs=1.2)
    assert np.count_nonzero(found & inside) > 0.93 * np.count_nonzero(found | inside)


def test_a_wall_that_is_thicker_on_one_side():
    """11 mm at the septum (180 degrees), 6 mm laterally."""
    image, cavity, inside = heart(lambda angle: 8.5 - 2.5 * np.cos(np.deg2rad(angle)))
    found = estimated_inside(image, cavity, Spacing(1.3, 1.3))
    assert found is not None
    true, made = (indices_of(cavity, one & ~cavity, Spacing(1.3, 1.3))[5:] for one in (inside, found))
    assert made == pytest.approx(true, abs=1.2)


@pytest.mark.parametrize(("slope", "offset"), [(0.01, 0.0), (3.0, -700.0)])
def test_any_unit(slope, offset):
    image, cavity, _ = heart(lambda angle: np.full(angle.shape, 9.0))
    plain = estimated_inside(image, cavity, Spacing(1.3, 1.3))
    other = estimated_inside(image * slope + offset, cavity, Spacing(1.3, 1.3))
    assert plain is not None
    assert other is not None
    assert np.count_nonzero(plain ^ other) <= 0.01 * np.count_nonzero(plain)


def test_none_where_nothing_ends_the_wall():
    """Around the wall it is as dark as the wall: how thick it is, nobody can tell."""
    image, cavity, _ = heart(lambda angle: np.full(angle.shape, 9.0), around=WALL)
    assert estimated_inside(image, cavity, Spacing(1.3, 1.3)) is None


def test_against_the_experts_epicardia(needs_shared):
    """One patient: where it answers at all, its sectors are as thick as drawn."""
    from algorithms.lv_quantification.polygon import mask_of

    folder = needs_shared("data/lv/sunnybrook_dicom/SC-HF-I-1")
    pydicom = pytest.importorskip("pydicom")
    errors = []
    outlines = sorted((folder / "contours").glob("*-ocontour-*.txt"))
    for path in outlines:
        header = pydicom.dcmread(folder / "dicom" / f"{int(path.name.split('-')[2])}.dcm")
        spacing = Spacing(*map(float, header.PixelSpacing))
        image = header.pixel_array.astype(np.float32)
        drawn = mask_of(np.loadtxt(path) - 1.0, *image.shape)
        cavity = mask_of(np.loadtxt(str(path).replace("-ocontour-", "-icontour-")) - 1.0, *image.shape)
        found = estimated_inside(image, cavity, spacing)
        if found is not None:
            true, made = (indices_of(cavity, one & ~cavity, spacing)[5:] for one in (drawn | cavity, found))
            errors.append(np.abs(made - true).mean())
    assert len(errors) >= len(outlines) / 2
    assert np.mean(errors) < 2.0
