from __future__ import annotations

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage


def instance(uid: str, series: str = "1.2.3", study: str = "1.2", **attributes) -> Dataset:
    """A small ultrasound instance; attributes by keyword."""
    dataset = Dataset()
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.SOPInstanceUID = uid
    dataset.SeriesInstanceUID = series
    dataset.StudyInstanceUID = study
    dataset.Modality = "US"
    dataset.PatientName = "DOE^JANE"
    dataset.PixelData = b"\0" * 1000
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OB"
    return dataset


def write(path, dataset):
    """As a part-10 file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def make(tmp_path):
    """A function: uid, attributes -> the path of a part-10 file in tmp_path/dicom."""
    folder = tmp_path / "dicom"
    folder.mkdir()

    def make(uid, **attributes):
        return write(folder / f"{uid}.dcm", instance(uid, **attributes))

    return make


@pytest.fixture
def config_of(tmp_path):
    """A function: the text of routing.yaml -> NodeConfig, algorithms unchecked."""
    from dicom_node.config import load_config

    def config_of(text):
        path = tmp_path / "routing.yaml"
        path.write_text(text)
        return load_config(path, None)

    return config_of
