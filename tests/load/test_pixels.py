"""Pixels: whatever the encoding, the values that were put in come out."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from dicom_node.load import load_series

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
COMPRESSED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)


def ramp(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return (np.arange(np.prod(shape)) * 7 % 251).astype(dtype).reshape(shape)


@pytest.mark.parametrize("syntax", [*NATIVE, *COMPRESSED])
@pytest.mark.parametrize("shape", [(5, 66, 70), (3, 66, 70, 3)], ids=["grey", "colour"])
def test_frames_come_out_as_they_went_in(write_image, scratch, syntax, shape):
    pixels = ramp(*shape)
    volume = load_series([write_image(pixels, syntax)], scratch).volumes[0]
    assert volume.pixels.shape == shape
    assert volume.pixels.dtype == np.uint8
    np.testing.assert_array_equal(volume.read(), pixels)
    np.testing.assert_array_equal(volume.pixels.read(1, 3), pixels[1:3])
    assert volume.pixels.read(2, 2).shape == (0, *shape[1:])
    np.testing.assert_array_equal(np.concatenate([part for _, part in volume.chunks(2)]), pixels)


def test_big_endian_words(write_image, scratch):
    pixels = ramp(2, 4, 5, dtype=np.uint16) * 256 + 3
    path = write_image(pixels, ExplicitVRBigEndian, PixelData=pixels.byteswap().tobytes())
    volume = load_series([path], scratch).volumes[0]
    assert volume.pixels.dtype == np.dtype("=u2")
    np.testing.assert_array_equal(volume.read(), pixels)


def test_signed_values_in_twelve_of_sixteen_bits(write_image, scratch):
    stored = np.array([[0x0FFF, 0x0800, 0x07FF, 0x0000]], np.uint16)  # two's complement in 12 bits
    path = write_image(stored, BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert load_series([path], scratch).volumes[0].read()[0].tolist() == [[-1, -2048, 2047, 0]]


def test_planar_colour(write_image, scratch):
    pixels = ramp(2, 4, 6, 3)
    path = write_image(pixels, PlanarConfiguration=1, PixelData=pixels.transpose(0, 3, 1, 2).tobytes())
    np.testing.assert_array_equal(load_series([path], scratch).volumes[0].read(), pixels)


def test_ybr_full_becomes_rgb(write_image, scratch):
    """PS3.3 C.7.6.3.1.2: red is (76, 85, 255), mid grey (128, 128, 128)."""
    pixels = np.array([[[76, 85, 255], [128, 128, 128]]], np.uint8)
    volume = load_series([write_image(pixels, PhotometricInterpretation="YBR_FULL")], scratch).volumes[0]
    rgb = volume.read()[0, 0].astype(int)
    np.testing.assert_allclose(rgb, [[254, 0, 0], [128, 128, 128]], atol=1)


@pytest.mark.parametrize(("bits", "high"), [(8, 1), (16, 256)])
def test_palette_becomes_rgb(write_image, scratch, bits, high):
    """Entries count from the first mapped value; values outside take the nearest entry (C.7.6.3.1.5)."""
    colours = np.array([[10, 20, 30], [40, 50, 60], [55, 65, 75], [70, 80, 90]]) * high
    tables = {}
    for channel, name in enumerate(("Red", "Green", "Blue")):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [4, 2, bits]
        entries = colours[:, channel].astype(np.uint8 if bits == 8 else np.uint16).tobytes()
        tables[f"{name}PaletteColorLookupTableData"] = entries
    pixels = np.array([[0, 2, 3, 5, 9, 9]], np.uint8)
    path = write_image(pixels, PhotometricInterpretation="PALETTE COLOR", **tables)
    volume = load_series([path], scratch).volumes[0]
    assert volume.pixels.dtype == np.uint8
    assert volume.read()[0, 0, :, 0].tolist() == [10, 10, 40, 70, 70, 70]
    assert volume.read()[0, 0, 2].tolist() == [40, 50, 60]


def test_monochrome1_is_turned_over_and_said(write_image, scratch):
    pixels = np.array([[0, 1, 4095, 100]], np.uint16)
    path = write_image(pixels, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1")
    series = load_series([path], scratch)
    assert series.volumes[0].read()[0, 0].tolist() == [4095, 4094, 0, 3995]
    assert series.volumes[0].photometric == "MONOCHROME1"
    assert any("turned over" in note for note in series.notes)


def test_modality_rescale_gives_float32(write_image, scratch):
    path = write_image(np.array([[0, 10, 1000, 65535]], np.uint16), RescaleSlope="0.5", RescaleIntercept="-100")
    volume = load_series([path], scratch).volumes[0]
    assert volume.pixels.dtype == np.float32
    assert volume.read()[0, 0].tolist() == [-100.0, -95.0, 400.0, 32667.5]


def test_rescale_that_changes_nothing_leaves_integers(write_image, scratch):
    path = write_image(np.array([[0, 10]], np.uint16), RescaleSlope="1", RescaleIntercept="0")
    assert load_series([path], scratch).volumes[0].pixels.dtype == np.uint16


def test_modality_lut(write_image, scratch):
    table = Dataset()
    table.LUTDescriptor = [3, 1, 16]
    table.ModalityLUTType = "US"
    table.add_new("LUTData", "OW", np.array([500, 600, 700], np.uint16).tobytes())
    path = write_image(np.array([[1, 2, 3, 0]], np.uint16), ModalityLUTSequence=[table])
    assert load_series([path], scratch).volumes[0].read()[0, 0].tolist() == [500.0, 600.0, 700.0, 500.0]


def test_frames_beyond_number_of_frames_are_left_out_and_said(write_image, scratch):
    pixels = ramp(4, 4, 4)
    series = load_series([write_image(pixels, NumberOfFrames=2)], scratch)
    assert series.volumes[0].pixels.shape == (2, 4, 4)
    assert any("beyond NumberOfFrames" in note for note in series.notes)


def test_long_sequences_stay_in_the_file(write_image, scratch):
    """2000 frames of 512 x 512 in a sparse file: loading and reading 32 of them takes the memory of 32."""
    path = write_image(np.zeros((1, 512, 512), np.uint8), NumberOfFrames=2000)
    content = bytearray(path.read_bytes())
    head = content.index(b"\xe0\x7f\x10\x00OB")
    content[head + 8 : head + 12] = (2000 * 512 * 512).to_bytes(4, "little")
    path.write_bytes(content)
    with path.open("r+b") as file:
        file.truncate(head + 12 + 2000 * 512 * 512)
    tracemalloc.start()
    try:
        volume = load_series([path], scratch).volumes[0]
        assert volume.pixels.read(1900, 1932).shape == (32, 512, 512)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(volume.frames) == 2000
    assert peak_bytes < 32 * 512 * 512 + 4 * 1024**2
