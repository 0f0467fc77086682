from __future__ import annotations

import pytest
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_node.conditions import TagPath
from dicom_node.config import dictionary
from dicom_node.errors import UnreadableInstance
from dicom_node.route.headers import HeaderFacts, read_header


def path(*parts):
    return TagPath(".".join(parts), tuple(dictionary.attribute(part) for part in parts))


@pytest.fixture
def facts(make):
    """A function: attributes -> facts, through a file; every attribute is read."""

    def facts(*elements, **attributes):
        file = make("1.2.3.4", **attributes)
        if elements:
            dataset = dcmread(file)
            for element in elements:
                dataset.add(element)
            dataset.save_as(file)
        tags = {element.tag for element in elements} | {dictionary.attribute(keyword).tag for keyword in attributes}
        return HeaderFacts(read_header(file, tags), "US1", "NODE")

    return facts


def test_absent_empty_and_there(facts):
    given = facts(SeriesDescription="", Modality="US")
    assert given.values(path("Manufacturer")) is None
    assert given.values(path("SeriesDescription")) == ()
    assert given.values(path("Modality")) == ("US",)


def test_numbers_are_numbers_and_lists_are_lists(facts):
    given = facts(
        NumberOfFrames="60", SliceThickness="0.50", Rows=480, MechanicalIndex="0.1", ImageType=["ORIGINAL", "PRIMARY"]
    )
    assert given.values(path("NumberOfFrames")) == (60,)
    assert given.values(path("SliceThickness")) == (0.5,)
    assert given.values(path("Rows")) == (480,)
    assert given.values(path("ImageType")) == ("ORIGINAL", "PRIMARY")


def test_pointers_names_and_dates_are_text(facts):
    given = facts(FrameIncrementPointer=0x00181063, PatientName="MÜLLER^ANNA", StudyDate="20240301", PatientAge="045Y")
    assert given.values(path("FrameIncrementPointer")) == ("(0018,1063)",)
    assert len(given.values(path("PatientName"))) == 1
    assert given.values(path("StudyDate")) == ("20240301",)


def test_any_item_of_a_sequence(facts):
    regions = []
    for number in (1, 2):
        region = Dataset()
        region.RegionSpatialFormat = number
        regions.append(region)
    given = facts(SequenceOfUltrasoundRegions=Sequence([*regions, Dataset()]))
    assert given.values(path("SequenceOfUltrasoundRegions", "RegionSpatialFormat")) == (1, 2)
    assert given.values(path("SequenceOfUltrasoundRegions", "RegionDataType")) is None
    assert len(given.values(path("SequenceOfUltrasoundRegions"))) == 3
    assert given.values(path("SourceImageSequence", "ReferencedSOPClassUID")) is None


def test_private_attributes_by_number(facts):
    given = facts(DataElement(0x00290010, "LO", "VENDOR"), DataElement(0x00291010, "UN", b"7\\8 "))
    assert given.values(path("(0029,1010)")) == ("7", "8")


def test_a_value_that_is_no_number_is_given_as_it_stands(facts):
    """pydicom refuses such a file when it writes; senders do not."""
    element = DataElement(0x00280008, "LO", "many")
    given = facts(element, SliceThickness="1")
    assert given.values(path("NumberOfFrames")) == ("many",)


def test_the_association_and_the_file_meta_information(facts):
    given = facts(Modality="US")
    assert given.values(TagPath("calling_ae", ())) == ("US1",)
    assert given.values(path("TransferSyntaxUID")) == ("1.2.840.10008.1.2.1",)
    assert HeaderFacts(Dataset()).values(TagPath("called_ae", ())) is None
    assert HeaderFacts(Dataset()).values(path("TransferSyntaxUID")) is None


def test_only_what_is_asked_for_is_read(make):
    header = read_header(make("1.2.3.4", SeriesDescription="x"), {0x00080060})
    assert [element.keyword for element in header] == ["Modality"]


def test_missing_and_broken_files_say_so_without_values(tmp_path):
    with pytest.raises(UnreadableInstance, match=r"gone\.dcm: the file is missing"):
        read_header(tmp_path / "gone.dcm", {0x00080060})
    assert HeaderFacts(read_header(_file(tmp_path, b"DOE^JANE" * 40), {0x00080060})).text(0x00080060) == ""


def _file(folder, content):
    path = folder / "odd.dcm"
    path.write_bytes(content)
    return path


def test_no_file_of_the_odd_collection_breaks_the_facts(needs_shared):
    """Every file is read or refused by name, and every attribute of it can be asked for."""
    paths = [
        path(keyword)
        for keyword in ("SOPClassUID", "Modality", "NumberOfFrames", "PatientName", "ImageType", "PixelSpacing")
    ]
    tags = {one.steps[0].tag for one in paths} | {0x00186011, 0x52009230}
    read, refused = 0, []
    for file in sorted(needs_shared("data/dicom").rglob("*")):
        if not file.is_file():
            continue
        try:
            facts = HeaderFacts(read_header(file, tags))
        except UnreadableInstance as error:
            refused.append((file.name, str(error)))
            continue
        read += 1
        for one in paths:
            values = facts.values(one)
            assert values is None or all(isinstance(value, (str, int, float)) for value in values)
    assert read > 400
    assert all(name in message for name, message in refused)
