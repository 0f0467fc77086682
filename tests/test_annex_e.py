"""The confidentiality profile on one data set: what goes, what stays, and that what belongs together still does."""

from __future__ import annotations

from datetime import date

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from dicom_node.annex_e import deidentify
from dicom_node.errors import StorageError
from dicom_node.pseudonyms import KEY_FILE, Pseudonyms

PSEUDONYMS = Pseudonyms(b"k" * 32)
SECRETS = ("Doe", "Jane", "HOSP-7", "19701231", "1.2.276.0.99", "ACC1", "Station 9", "Who", "typed by", "GE-private")


@pytest.fixture
def identified() -> Dataset:
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Doe^Jane", "HOSP-7", "19701231"
    dataset.PatientSex, dataset.PatientAge, dataset.OtherPatientIDs = "F", "054Y", "HOSP-7-old"
    dataset.AccessionNumber, dataset.StudyID, dataset.StationName = "ACC1", "ACC1", "Station 9"
    dataset.ReferringPhysicianName = "Dr^Who"
    dataset.StudyDate, dataset.SeriesDate, dataset.AcquisitionDateTime = "20240110", "20240112", "20240112093000.5"
    dataset.StudyTime = "091500"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.276.0.99.1", "1.2.276.0.99.1.1"
    dataset.SOPInstanceUID = "1.2.276.0.99.1.1.1"
    dataset.SeriesDescription, dataset.ImageComments = "Doe thyroid", "typed by Dr"
    dataset.BodyPartExamined, dataset.Manufacturer, dataset.Modality = "THYROID", "ACME", "US"
    reference = Dataset()
    reference.ReferencedSOPClassUID = dataset.SOPClassUID
    reference.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    reference.add_new(0x00100010, "PN", "Doe^Jane")
    dataset.SourceImageSequence = Sequence([reference])
    region = Dataset()
    region.RegionLocationMinX0 = 10
    region.private_block(0x0011, "GE-private", create=True).add_new(1, "LO", "Doe")
    dataset.SequenceOfUltrasoundRegions = Sequence([region])
    dataset.private_block(0x0009, "GE-private", create=True).add_new(1, "LO", "Doe")
    dataset.add_new(0x60000022, "LO", "Doe")  # overlay description
    dataset.add_new(0x00400275, "SQ", [Dataset()])
    dataset.RequestAttributesSequence[0].ScheduledProcedureStepDescription = "Doe"
    dataset.PerformedProcedureStepDescription = "Doe"
    return dataset


def text_of(dataset: Dataset) -> str:
    return "\n".join(str(element) for element in dataset.iterall())


def test_nothing_that_identifies_is_left_at_any_depth(identified):
    deidentify(identified, "token", PSEUDONYMS)
    left = text_of(identified)
    for secret in SECRETS:
        assert secret not in left
    assert not any(element.tag.is_private for element in identified.iterall())
    assert (identified.PatientName, identified.PatientID) == ("token", "token")
    assert (identified.PatientBirthDate, identified.PatientSex) == (None, None)
    assert identified.PatientIdentityRemoved == "YES"
    codes = [item.CodeValue for item in identified.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107"]


def test_what_an_algorithm_needs_stays(identified):
    deidentify(identified, "token", PSEUDONYMS)
    assert (identified.BodyPartExamined, identified.Modality) == ("THYROID", "US")
    assert identified.SequenceOfUltrasoundRegions[0].RegionLocationMinX0 == 10
    assert identified.SOPClassUID == "1.2.840.10008.5.1.4.1.1.6.1"


def test_uids_are_replaced_alike_wherever_they_stand(identified):
    deidentify(identified, "token", PSEUDONYMS)
    (reference,) = identified.SourceImageSequence
    assert reference.ReferencedSOPInstanceUID == identified.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == identified.SOPClassUID
    uids = {identified.StudyInstanceUID, identified.SeriesInstanceUID, identified.SOPInstanceUID}
    assert len(uids) == 3
    assert all(uid.startswith("2.25.") and uid.is_valid for uid in uids)
    assert PSEUDONYMS.uid("1.2.276.0.99.1") == identified.StudyInstanceUID
    assert Pseudonyms(b"j" * 32).uid("1.2.276.0.99.1") != identified.StudyInstanceUID


def test_dates_move_together_and_times_of_day_stay(identified):
    deidentify(identified, "token", PSEUDONYMS)
    study, series = (date.fromisoformat(text) for text in (identified.StudyDate, identified.SeriesDate))
    assert (series - study).days == 2
    assert (date(2024, 1, 10) - study).days == PSEUDONYMS.days("token") > 0
    assert identified.AcquisitionDateTime == identified.SeriesDate + "093000.5"
    assert identified.StudyTime == "091500"
    assert identified.LongitudinalTemporalInformationModified == "MODIFIED"
    assert len({PSEUDONYMS.days(f"{n}") for n in range(20)}) > 15


def test_a_node_keeps_its_key(tmp_path):
    first = Pseudonyms.of_node(tmp_path)
    assert Pseudonyms.of_node(tmp_path).token("a") == first.token("a")
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o077 == 0
    assert first.token("a", "b") != first.token("ab")
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(StorageError, match="bring it back from the backup"):
        Pseudonyms.of_node(tmp_path)
