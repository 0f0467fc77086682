"""What stands outside of ultrasound regions is blanked; where nobody knows where text stands, that is said."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from dicom_node.burned_in import Pixels, clean
from dicom_node.errors import UnreadableInstance

ROWS, COLUMNS = 20, 30
X0, Y0, X1, Y1 = 4, 6, 20, 15
GRAPHICS, TWO_D = 5, 1


def region(box=(X0, Y0, X1, Y1), spatial_format=TWO_D) -> Dataset:
    item = Dataset()
    names = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
    for name, value in zip(names, box, strict=True):
        setattr(item, name, value)
    item.RegionSpatialFormat = spatial_format
    return item


def picture(frames: np.ndarray, regions=None, modality: str = "US", **more) -> Dataset:
    """``frames``: (frames, rows, columns[, 3]) uint8."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPInstanceUID, dataset.Modality = "1.2.3", modality
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = ROWS, COLUMNS, len(frames)
    dataset.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    dataset.PhotometricInterpretation = "RGB" if frames.ndim == 4 else "MONOCHROME2"
    if frames.ndim == 4:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = frames.tobytes()
    regions = (region(),) if regions is None else regions
    if regions:
        dataset.SequenceOfUltrasoundRegions = Sequence(regions)
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.fixture
def grey() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 255, (3, ROWS, COLUMNS), np.uint8)


def expected(frames: np.ndarray, black: int = 0) -> np.ndarray:
    wanted = np.full_like(frames, black)
    wanted[:, Y0 : Y1 + 1, X0 : X1 + 1] = frames[:, Y0 : Y1 + 1, X0 : X1 + 1]
    return wanted


def test_every_frame_is_blanked_outside_of_the_regions(grey):
    dataset = picture(grey)
    assert clean(dataset) is Pixels.BLANKED
    np.testing.assert_array_equal(dataset.pixel_array, expected(grey))


def test_colour_planes_and_compressed_pixels_are_blanked_as_well(grey):
    colour = np.stack([grey, grey // 2, grey // 3], axis=-1)
    planar = picture(colour)
    planar.PlanarConfiguration = 1
    planar.PixelData = np.moveaxis(colour, 3, 1).tobytes()
    packed = picture(colour)
    packed.compress(RLELossless, generate_instance_uid=False)
    for dataset in (planar, packed):
        assert clean(dataset) is Pixels.BLANKED
        np.testing.assert_array_equal(dataset.pixel_array, expected(colour))
        assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_black_is_white_where_the_header_turns_it_over(grey):
    dataset = picture(grey, PhotometricInterpretation="MONOCHROME1")
    clean(dataset)
    np.testing.assert_array_equal(dataset.pixel_array, expected(grey, black=255))


@pytest.mark.parametrize(
    "regions",
    [(), (region((0, 0, COLUMNS, 5)),), (region((0, 0, COLUMNS - 1, ROWS - 1)),), (region(spatial_format=GRAPHICS),)],
    ids=["none", "of another picture", "the whole screen", "graphics only"],
)
def test_without_regions_that_hold_the_picture_may_show_text(grey, regions):
    dataset = picture(grey, regions)
    assert clean(dataset) is Pixels.MAY_SHOW_TEXT
    np.testing.assert_array_equal(dataset.pixel_array, grey)


def test_a_region_without_all_its_bounds_holds_nothing(grey):
    incomplete = region()
    incomplete.RegionLocationMaxX1 = None
    with_both = picture(grey, (region(), incomplete))
    assert clean(with_both) is Pixels.BLANKED
    del incomplete.RegionLocationMaxX1
    assert clean(picture(grey, (incomplete,))) is Pixels.MAY_SHOW_TEXT


@pytest.mark.parametrize(
    ("modality", "said", "wanted"),
    [
        ("US", "NO", Pixels.NO_TEXT),
        ("MR", "", Pixels.NO_TEXT),
        ("MR", "YES", Pixels.MAY_SHOW_TEXT),
        ("OT", "", Pixels.MAY_SHOW_TEXT),
    ],
)
def test_what_the_header_says_and_what_modalities_do(grey, modality, said, wanted):
    dataset = picture(grey, (), modality, BurnedInAnnotation=said)
    assert clean(dataset) is wanted


def test_pixels_that_cannot_be_decoded_are_no_blanked_pixels(grey):
    dataset = picture(grey)
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    with pytest.raises(UnreadableInstance, match=r"1\.2\.3 cannot be decoded"):
        clean(dataset)
