"""Both folder layouts, each patient once; what is broken is named."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import map_coordinates

from algorithms.lv_quantification.polygon import mask_of
from algorithms.lv_quantification.training_data import (
    Contours,
    as_drawn,
    masks_of,
    patient_key,
    read_labelled,
    read_pictures,
    read_studies,
)
from dicom_node.errors import UsageError
from dicom_node.series import Spacing


def test_names_of_patients():
    assert patient_key("SC-HF-I-01") == patient_key("SC-HF-I-1") == "SC-HF-I-1"
    assert patient_key("SC-HF-I-10") == "SC-HF-I-10"
    assert patient_key("SC-N-00") == "SC-N-0"


def test_dicom_with_contours(collection, load):
    collection.dicom("SC-X-1", [24.0, 20.0, 0.0])
    (study,) = read_studies(collection.root, load)
    assert study.patient == "SC-X-1"
    assert len(study.series.volumes) == 3
    assert sorted(study.contours) == sorted(f"2.25.{number}" for number in (5, 10, 15, 20))
    outer = [uid for uid, drawn in study.contours.items() if drawn.epicardium is not None]
    assert sorted(outer) == ["2.25.10", "2.25.20"]

    pictures = read_labelled(collection.root, load)
    with_heart = [picture for picture in pictures if picture.cavity.any()]
    assert len(with_heart) == 4
    areas = sorted(np.count_nonzero(picture.cavity) * 1.4**2 for picture in with_heart)
    radii = [radius * factor for radius, factor in ((20, 0.7), (24, 0.7), (20, 1.0), (24, 1.0))]
    assert areas == pytest.approx([np.pi * radius**2 for radius in radii], rel=0.08)
    for picture in with_heart:
        assert picture.physical
        assert picture.spacing == Spacing(1.4, 1.4)
        assert (picture.image[picture.cavity] >= 500).mean() > 0.97  # contour and picture belong together
        if picture.inside is not None:
            assert picture.inside[picture.cavity].all()
            assert (picture.image[picture.inside] >= 200).mean() > 0.97
    empty = [picture for picture in pictures if not picture.cavity.any()]
    assert len(empty) == 4  # of the slice on which the expert drew nothing
    assert all(picture.inside is not None and not picture.inside.any() for picture in empty)
    assert len({picture.number for picture in pictures}) == len(pictures)


def test_pictures_without_a_header(collection, load):
    collection.png("SC-Y-01", {4: 20.0, 10: 26.0, 24: 0.0}, size=128)
    first, second, none = read_labelled(collection.root, load)
    assert {first.patient, second.patient, none.patient} == {"SC-Y-1"}
    assert [first.number, second.number, none.number] == [4, 10, 24]
    assert not first.physical
    assert first.inside is None
    assert first.spacing.row_mm == pytest.approx(2.66)  # 256 rows of 1.33 mm are 128 rows of twice as much
    assert np.count_nonzero(second.cavity) * 2.66**2 == pytest.approx(np.pi * 26**2, rel=0.04)
    lit = second.image >= 0.75 * second.image.max()
    assert np.argwhere(second.cavity).mean(axis=0) == pytest.approx(np.argwhere(lit).mean(axis=0), abs=0.2)
    assert not none.cavity.any()


def test_filled_masks_are_the_contours_of_the_other_layout(needs_shared):
    """56 pictures lie in both. By pixels the masks have a Dice of 0.96 with the contours as drawn and are 6.6 % larger
    than the polygons; as read, 0.994 and 0.6 %."""
    masks = needs_shared("data/lv/sunnybrook_png") / "endocardium"
    before, after, larger = [], [], []
    for path in sorted((masks.parent.parent / "sunnybrook_dicom").glob("*/contours/*-icontour-manual.txt")):
        patient, number = path.parent.parent.name, int(path.name.split("-")[2])
        name = f"{patient[:-1]}0{patient[-1]}-IM-0001-{number:04d}.png"
        if (masks / name).exists():
            filled = np.asarray(Image.open(masks / name).convert("L")) > 127
            contour = np.loadtxt(path) - 1.0
            drawn = mask_of(contour, *filled.shape)
            area = cv2.contourArea(contour.astype(np.float32))
            larger.append((np.count_nonzero(filled) / area, np.count_nonzero(as_drawn(filled)) / area))
            before.append(_dice(filled, drawn))
            after.append(_dice(as_drawn(filled), drawn))
    assert len(after) == 56
    assert np.mean(before) < 0.965
    assert np.mean(after) > 0.993
    assert np.mean(larger, axis=0) == pytest.approx([1.066, 1.006], abs=0.004)


@pytest.mark.parametrize("corner", [(4, 5), (0, 0), (11, 9)])
def test_a_mask_of_one_pixel_is_not_lost(corner):
    one = np.zeros((12, 10), bool)
    one[corner] = True
    assert as_drawn(one).sum() == 1
    assert not as_drawn(np.zeros((12, 10), bool)).any()


def test_a_mask_at_the_border_stays_there():
    """A rectangle of 6 by 5 whole pixels, rim included, in the lower right corner: about one row and column less."""
    filled = np.zeros((20, 30), bool)
    filled[-5:, -6:] = True
    drawn = as_drawn(filled)
    assert 12 <= drawn.sum() <= 25
    assert drawn[-5:-1, -6:-1].sum() > 0.8 * drawn.sum()


def test_contours_lie_on_the_edges_of_their_pictures(needs_shared):
    """Counted from 1 they do; with 0 they lie a pixel beside them, as brightness across the contours shows."""
    folder = needs_shared("data/lv/sunnybrook_dicom")
    pydicom = pytest.importorskip("pydicom")
    step = np.zeros((3, 3))
    for path in sorted(folder.glob("*/contours/*-icontour-manual.txt")):
        header = pydicom.dcmread(path.parent.parent / "dicom" / f"{int(path.name.split('-')[2])}.dcm")
        image = header.pixel_array.astype(np.float32)
        contour = np.loadtxt(path)
        around = contour - contour.mean(axis=0)
        outwards = 1.5 * around / np.linalg.norm(around, axis=1, keepdims=True)
        for row, dy in enumerate((0.0, -1.0, -2.0)):
            for column, dx in enumerate((0.0, -1.0, -2.0)):
                inner, outer = ((contour + (dx, dy) + side * outwards).T for side in (-1.0, 1.0))
                inside, outside = (map_coordinates(image, one[::-1], order=1).mean() for one in (inner, outer))
                step[row, column] += (inside - outside) / np.percentile(image, 98.0)
    assert np.unravel_index(step.argmax(), step.shape) == (1, 1)


def test_a_patient_in_both_layouts_is_read_once(collection, load):
    collection.dicom("SC-X-1", [24.0])
    collection.png("SC-X-01", {4: 20.0, 10: 26.0})
    collection.png("SC-X-11", {4: 20.0})
    pictures = read_labelled(collection.root, load)
    assert [(picture.patient, picture.physical) for picture in pictures] == [
        ("SC-X-1", True), ("SC-X-1", True), ("SC-X-11", False),
    ]  # fmt: skip


def test_a_picture_without_a_mask_is_no_labelled_picture(collection):
    collection.png("SC-Y-1", {4: 20.0, 10: 26.0})
    (collection.root / "png/endocardium/SC-Y-1-IM-0001-0004.png").unlink()
    assert [picture.number for picture in read_pictures(collection.root)] == [10]


@pytest.mark.parametrize("top", [1, 200, 255, 65535])
def test_masks_of_any_two_values(collection, top):
    collection.png("SC-Y-1", {4: 20.0})
    (right,) = read_pictures(collection.root)
    path = collection.root / "png/endocardium/SC-Y-1-IM-0001-0004.png"
    mask = np.asarray(Image.open(path)) > 0
    Image.fromarray((mask * top).astype(np.uint16 if top > 255 else np.uint8)).save(path)
    (read,) = read_pictures(collection.root)
    assert read.cavity.any()
    assert (read.cavity == right.cavity).all()


def test_sixteen_bits_stay_sixteen_bits(collection):
    collection.png("SC-Y-1", {4: 20.0})
    deep = np.linspace(0, 40000, 256 * 256).reshape(256, 256).astype(np.uint16)
    Image.fromarray(deep).save(collection.root / "png/images/SC-Y-1-IM-0001-0004.png")
    (picture,) = read_pictures(collection.root)
    assert (picture.image == deep).all()


def test_broken_contours_are_named(collection, load):
    folder = collection.dicom("SC-X-1", [24.0])
    path = collection.contour("SC-X-1", 5, "i", 10.0)
    good = path.read_text()
    for content, told in [
        ("1.0 2.0\n3.0\n", "two numbers in each line"),
        ("centre 4\n", "two numbers in each line"),
        ("1.0 2.0\n3.0 4.0\n", r"three points or more.*got \(2, 2\)"),
        ("1 2 3\n4 5 6\n7 8 9\n", r"got \(3, 3\)"),
    ]:
        path.write_text(content)
        with pytest.raises(UsageError, match=rf"{path.name}.*{told}"):
            read_studies(collection.root, load)
    path.write_text(good)
    (folder / "dicom" / "5.dcm").unlink()
    with pytest.raises(UsageError, match=r"SC-X-1: a contour is drawn on file 5, but dicom/5.dcm is missing"):
        read_studies(collection.root, load)


def test_folders_that_hold_nothing_are_named(collection, load):
    folder = collection.dicom("SC-X-1", [24.0])
    for path in (folder / "contours").iterdir():
        path.rename(path.with_name(path.name.replace("manual", "auto")))
    with pytest.raises(UsageError, match=r"no contours/IM-0001-NNNN-icontour-manual.txt"):
        read_studies(collection.root, load)
    for path in (folder / "dicom").iterdir():
        path.rename(path.with_name(f"IM-{path.name}"))
    with pytest.raises(UsageError, match=r"no picture dicom/NUMBER.dcm"):
        read_studies(collection.root, load)
    (folder / "dicom").rename(folder / "images")
    with pytest.raises(UsageError, match="no folder dicom"):
        read_studies(collection.root, load)


def test_a_folder_with_none_of_the_layouts(tmp_path, load):
    with pytest.raises(UsageError, match=r"no labelled short-axis picture .* are needed"):
        read_labelled(tmp_path, load)


def test_a_contour_of_another_pictures_size(collection, load):
    far = Contours(np.array([[300.0, 310.0], [340.0, 310.0], [320.0, 350.0]]), None)
    with pytest.raises(UsageError, match=r"from \[300.0, 310.0\] to \[340.0, 350.0\] has no pixel of .* 112 x 96"):
        masks_of(far, 96, 112)


def test_a_mask_of_another_size(collection):
    collection.png("SC-Y-1", {4: 20.0})
    mask = collection.root / "png/endocardium/SC-Y-1-IM-0001-0004.png"
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(mask)
    with pytest.raises(UsageError, match=r"picture is \(256, 256\), its mask \(64, 64\)"):
        read_pictures(collection.root)
    mask.write_bytes(b"not a picture")
    with pytest.raises(UsageError, match=r"endocardium/SC-Y-1-IM-0001-0004.png is no picture"):
        read_pictures(collection.root)


def test_pictures_of_one_patient_are_of_one_size(collection):
    collection.png("SC-Y-1", {4: 20.0})
    collection.png("SC-Y-1", {10: 20.0}, size=64)
    with pytest.raises(UsageError, match=r"0010.png is \(64, 64\), others of this patient are \(256, 256\)"):
        read_pictures(collection.root)


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))
