"""What is refused, and that the text says what was found and what is needed."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from dicom_node.errors import UnreadableInstance, UnsuitableSeries
from dicom_node.load import load_series

FRAMES = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8)


def refusal(path, scratch) -> str:
    with pytest.raises(UnreadableInstance) as caught:
        load_series([path], scratch)
    text = str(caught.value)
    assert "Doe" not in text
    assert "SECRET" not in text
    return text


def test_truncated_native_pixels_name_expected_and_found_bytes(write_image, scratch):
    path = write_image(FRAMES)
    path.write_bytes(path.read_bytes()[:-100])
    text = refusal(path, scratch)
    assert "192 bytes" in text
    assert "has 92" in text
    assert "1.2.3.4.1" in text


def test_too_few_pixels_for_the_declared_size(write_image, scratch):
    text = refusal(write_image(FRAMES, NumberOfFrames=5), scratch)
    assert "5 frame(s) of 8 x 8" in text
    assert "320 bytes" in text
    assert "192 are there" in text


def test_declared_size_beyond_all_measure_is_refused_before_allocating(write_image, scratch):
    text = refusal(write_image(FRAMES, Rows=65535, Columns=65535), scratch)
    assert "65535 x 65535" in text


@pytest.mark.parametrize("cut", [10, 40])
def test_truncated_fragments(write_image, scratch, cut):
    path = write_image(FRAMES, RLELossless)
    path.write_bytes(path.read_bytes()[:-cut])
    assert "truncated" in refusal(path, scratch)


def test_fewer_fragments_than_frames(write_image, scratch):
    path = write_image(
        FRAMES,
        RLELossless,
    )
    content = path.read_bytes().replace(b"(\x00\x08\x00IS\x02\x003 ", b"(\x00\x08\x00IS\x02\x004 ")
    path.write_bytes(content)
    text = refusal(path, scratch)
    assert "NumberOfFrames is 4" in text
    assert "3 fragment(s)" in text


def test_a_stream_that_is_not_what_the_syntax_says(write_image, scratch):
    path = write_image(FRAMES, RLELossless)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.5\x00", b"1.2.840.10008.1.2.99"))
    text = refusal(path, scratch)
    assert "no decoder" in text
    assert "1.2.840.10008.1.2.99" in text


def test_undecodable_frame_names_instance_and_syntax(write_image, scratch):
    path = write_image(FRAMES, RLELossless)
    content = bytearray(path.read_bytes())
    first = content.index(b"\xfe\xff\x00\xe0", content.index(b"\xe0\x7f\x10\x00") + 12 + 8)
    content[first + 8 : first + 24] = b"\xff" * 16
    path.write_bytes(content)
    text = refusal(path, scratch)
    assert "1.2.840.10008.1.2.5 (RLE Lossless)" in text
    assert "cannot be decoded" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PhotometricInterpretation": "HSV"}, "HSV"),
        ({"BitsAllocated": 12}, "BitsAllocated 12"),
        ({"BitsStored": 9}, "BitsStored 9"),
        ({"Rows": 0}, "Rows"),
        ({"SeriesInstanceUID": ""}, "SeriesInstanceUID"),
    ],
)
def test_headers_that_make_no_picture(write_image, scratch, change, words):
    assert words in refusal(write_image(FRAMES, **change), scratch)


def test_a_malformed_uid_is_not_quoted(write_image, scratch):
    path = write_image(FRAMES)
    path.write_bytes(path.read_bytes().replace(b"1.2.3.4.1\x00", b"Doe^Jane1\x00"))
    assert "(malformed UID)" in refusal(path, scratch)


@pytest.mark.parametrize("content", [b"", b"hello", bytes(200), bytes(128) + b"DICM"])
def test_what_is_no_dicom(tmp_path, scratch, content):
    path = tmp_path / "strange.dcm"
    path.write_bytes(content)
    assert "strange.dcm" in refusal(path, scratch)


def test_no_pixels_is_unsuitable(write_image, scratch):
    with pytest.raises(UnsuitableSeries, match=r"no pixel data in 1 instance"):
        load_series([write_image(FRAMES, PixelData=None)], scratch)


def test_a_note_about_instances_without_pixels_beside_others(write_image, scratch):
    series = load_series([write_image(FRAMES), write_image(FRAMES, PixelData=None)], scratch)
    assert len(series.volumes) == 1
    assert any("without pixel data" in note for note in series.notes)


def test_broken_deflate(write_image, scratch):
    path = write_image(FRAMES, "1.2.840.10008.1.2.1.99")
    path.write_bytes(path.read_bytes()[:-8])
    assert "truncated" in refusal(path, scratch)


def test_values_that_pydicom_cannot_convert_are_absent(write_image, scratch):
    path = write_image(FRAMES, FrameTime="40", SequenceOfUltrasoundRegions=[Dataset()])
    path.write_bytes(path.read_bytes().replace(b"DS\x02\x0040", b"DS\x02\x00x!"))
    series = load_series([path], scratch)
    assert series.volumes[0].timing is None
    assert [region.stale for region in series.volumes[0].regions] == [True]
