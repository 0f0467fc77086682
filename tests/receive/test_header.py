"""The bounded header walk: what it finds, what it refuses and with which words."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_node.errors import UnreadableInstance
from dicom_node.intake import Promise
from dicom_node.receive import header
from dicom_node.receive.header import read_header
from dicom_node.receive.promises import promises_of

ITEM = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


@pytest.fixture
def read(tmp_path):
    """A function: data set bytes -> its header."""

    def read_bytes(data: bytes, syntax: str = ExplicitVRLittleEndian):
        path = tmp_path / "data"
        path.write_bytes(b"meta" + data)
        return read_header(path, 4, syntax)

    return read_bytes


@pytest.mark.parametrize(
    ("syntax", "implicit", "little"),
    [
        (ExplicitVRLittleEndian, False, True),
        (ImplicitVRLittleEndian, True, True),
        (ExplicitVRBigEndian, False, False),
        (ExplicitVRLittleEndian, True, True),  # written the other way than agreed: real senders do
        (ImplicitVRLittleEndian, False, True),
    ],
)
def test_every_encoding_gives_the_same_header(read, mr, encode, syntax, implicit, little):
    found = read(encode(mr(Manufacturer="Maker"), implicit, little), syntax)
    uids = (found.sop_class_uid, found.sop_instance_uid, found.study_uid, found.series_uid)
    assert uids == ("1.2.840.10008.5.1.4.1.1.4", "1.2.3.4.1", "1.2.3", "1.2.3.4")
    assert found.values["Manufacturer"] == "Maker"


def test_a_deflated_data_set_is_inflated(read, mr, encode):
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = deflater.compress(encode(mr())) + deflater.flush()
    assert read(data, DeflatedExplicitVRLittleEndian).sop_instance_uid == "1.2.3.4.1"


def test_a_deflated_bomb_is_inflated_only_so_far(read, mr, encode, monkeypatch):
    monkeypatch.setattr(header, "MAX_INFLATED_BYTES", 1 << 20)
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    pixels = b"\xe0\x7f\x10\x00OW\0\0" + struct.pack("<L", 200 << 20)
    data = deflater.compress(encode(mr()) + pixels)
    for _ in range(200):
        data += deflater.compress(bytes(1 << 20))
    data += deflater.flush()
    assert read(data, DeflatedExplicitVRLittleEndian).series_uid == "1.2.3.4"


@pytest.mark.parametrize("undefined_length", [True, False])
def test_contributing_equipment_is_looked_into_and_other_sequences_are_not(read, mr, encode, undefined_length):
    items = [Dataset(), Dataset()]
    items[0].Manufacturer, items[1].Manufacturer = "Scanner", "dicom-node"
    other = Dataset()
    other.Manufacturer = "Not this"
    dataset = mr(ContributingEquipmentSequence=items, ReferencedStudySequence=[other])
    for name in ("ContributingEquipmentSequence", "ReferencedStudySequence"):
        dataset[name].is_undefined_length = undefined_length
        for item in dataset[name].value:
            item.is_undefined_length_sequence_item = undefined_length
    assert read(encode(dataset)).contributing_manufacturers == ("Scanner", "dicom-node")


def test_deep_nesting_ends_before_any_recursion_would(read, mr, encode):
    start = time.process_time()
    level = b"\x77\x77\x01\x00SQ\0\0\xff\xff\xff\xff" + ITEM
    with pytest.raises(UnreadableInstance, match="nested more than 64 deep"):
        read(level * 100_000 + encode(mr()))
    assert time.process_time() - start < 1.0, "the walk goes on below the limit"


def test_a_length_of_three_gibibytes_in_a_small_file_is_said_and_not_read(read, mr, encode):
    pixels = b"\xe0\x7f\x10\x00OW\0\0" + struct.pack("<L", 3 << 30) + bytes(100)
    with pytest.raises(UnreadableInstance, match=r"cut off: \(7FE0,0010\) declares 3221225472 bytes, 100 are there"):
        read(encode(mr()) + pixels)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"", "is empty"),
        (lambda data: data[:-1] and data[:60], "cut off|has no"),
        (lambda data: bytes(128) + b"DICM" + data, "as if a whole file had been sent"),
        (lambda data: b"\x02\x00\x10\x00UI\x04\x001.2\0" + data, "as if a whole file had been sent"),
        (lambda data: data.replace(b"1.2.3.4.1\0", b"1.2.3.x.1\0"), r"SOP Instance UID \(0008,0018\) .* is not a UID"),
        (lambda data: data.replace(b"1.2.3.4.1\0", b"1.2.3\\1.2\0"), "is not a UID"),
        (lambda data: b"\xff" * 1000, "where an item must begin"),
    ],
)
def test_what_is_wrong_is_said(read, mr, encode, change, words):
    with pytest.raises(UnreadableInstance, match=words):
        read(change(encode(mr())))


def test_big_endian_under_a_little_endian_context_is_said(read, mr, encode):
    with pytest.raises(UnreadableInstance, match="written big endian, but its presentation context says Expl"):
        read(encode(mr(), little=False))


def test_what_scanners_really_write_is_forgiven(read, mr, encode):
    pixels = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + struct.pack("<HHL", 0xFFFE, 0xE000, 4) + b"data"
    stray_item = struct.pack("<HHL", 0xFFFE, 0xE000, 16) + bytes(16)
    blank_vr = b"\x28\x00\x20\x01  \x02\x00\x05\x00"
    data = encode(mr()) + stray_item + blank_vr + pixels + SEQUENCE_END + SEQUENCE_END + bytes(3)
    assert read(data).sop_instance_uid == "1.2.3.4.1"


def test_a_header_without_end_is_given_up(read, mr, encode, monkeypatch):
    monkeypatch.setattr(header, "MAX_ELEMENTS", 500)
    empty = b"\x08\x00\x01\x00UL\x00\x00"
    with pytest.raises(UnreadableInstance, match="more than 500 elements"):
        read(empty * 1000 + encode(mr()))


@pytest.mark.parametrize(
    ("values", "promises"),
    [
        ({}, []),
        ({"NumberOfSeriesRelatedInstances": 60}, [(60, "NumberOfSeriesRelatedInstances", "")]),
        ({"ImagesInAcquisition": 20, "AcquisitionNumber": 2}, [(20, "ImagesInAcquisition", "acquisition 2")]),
        ({"ImagesInAcquisition": 20}, [(20, "ImagesInAcquisition", "acquisition")]),
        ({"ImagesInAcquisition": 1}, []),  # where a device does not count
        ({"CardiacNumberOfImages": 25}, []),  # of a slice that is not named
        (
            {"CardiacNumberOfImages": 25, "ImagePositionPatient": ["0", "0", "8.5"]},
            [(25, "CardiacNumberOfImages", "slice 0\\0\\8.5")],
        ),
        ({"NumberOfTemporalPositions": 30, "ImagePositionPatient": [0, 0, 1], "NumberOfFrames": 30}, []),
    ],
)
def test_promises_say_of_what_they_speak(read, mr, encode, values, promises):
    assert promises_of(read(encode(mr(**values)))) == tuple(Promise(*promise) for promise in promises)
