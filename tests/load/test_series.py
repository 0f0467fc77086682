"""``load_series`` as a whole, on made files and on the real ones."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pydicom
import pytest

from dicom_node.errors import UnreadableInstance, UnsuitableSeries
from dicom_node.load import load_series

FRAMES = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)


def test_each_clip_is_a_volume_in_the_order_of_instance_numbers(write_image, scratch):
    paths = [write_image(FRAMES, InstanceNumber=number, uid=f"1.9.{number}") for number in (3, 1, 2)]
    series = load_series(paths, scratch)
    assert series.instance_uids == ("1.9.1", "1.9.2", "1.9.3")
    assert [frame.ref.frame_number for frame in series.volumes[0].frames] == [1, 2]
    assert (
        series == load_series(paths[::-1], scratch)
        or series.instance_uids == load_series(paths[::-1], scratch).instance_uids
    )


def test_attributes_hold_no_identity(write_image, scratch):
    path = write_image(FRAMES, Manufacturer="ACME", PatientSex="F", PatientBirthDate="19700101", StudyDate="20240101")
    attributes = load_series([path], scratch).attributes
    assert attributes == {"Manufacturer": "ACME", "PatientSex": "F"}


def test_burned_in_and_lossy(write_image, scratch):
    plain, told = (
        load_series([path], scratch).volumes[0]
        for path in (
            write_image(FRAMES),
            write_image(FRAMES, BurnedInAnnotation="NO", LossyImageCompression="01"),
        )
    )
    assert (plain.burned_in_annotation, plain.lossy) == (True, False)
    assert (told.burned_in_annotation, told.lossy) == (False, True)


def test_two_studies_are_no_job(write_image, scratch):
    with pytest.raises(UnsuitableSeries, match="2 studies"):
        load_series([write_image(FRAMES), write_image(FRAMES, StudyInstanceUID="1.2.9")], scratch)


def test_nothing_given(scratch):
    with pytest.raises(UnsuitableSeries, match="no files"):
        load_series([], scratch)


def test_the_same_file_twice_counts_once(write_image, scratch, tmp_path):
    path = write_image(FRAMES)
    copy = tmp_path / "copy.dcm"
    shutil.copyfile(path, copy)
    series = load_series([path, copy], scratch)
    assert len(series.volumes) == 1
    assert any("more than once" in note for note in series.notes)


def test_one_uid_with_two_contents_is_refused(write_image, scratch):
    with pytest.raises(UnreadableInstance, match="different content"):
        load_series([write_image(FRAMES, uid="1.9"), write_image(FRAMES + 1, uid="1.9")], scratch)


def test_every_real_file_is_a_series_or_a_reason(needs_shared, tmp_path):
    """431 odd, broken and hostile files: nothing but a Series or one of the two refusals; no warning escapes."""
    outcomes = {"loaded": 0, "refused": 0}
    for number, path in enumerate(sorted(p for p in needs_shared("data/dicom").rglob("*") if p.is_file())):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        try:
            load_series([path], scratch)
            outcomes["loaded"] += 1
        except (UnsuitableSeries, UnreadableInstance):
            outcomes["refused"] += 1
        shutil.rmtree(scratch)
    assert outcomes == {"loaded": 269, "refused": 161}


PLAIN_FOLDERS = ("data/dicom/transfer_syntax", "data/dicom/ultrasound", "data/dicom/odd", "data/dicom/charset")


@pytest.mark.parametrize("folder", PLAIN_FOLDERS)
def test_pixels_are_those_of_pydicom(needs_shared, scratch, folder):
    """Stored values without rescale, palette or MONOCHROME1, which have tests with hand-made truth."""
    compared = 0
    for path in sorted(needs_shared(folder).glob("*.dcm")):
        try:
            series = load_series([path], scratch)
        except (UnsuitableSeries, UnreadableInstance):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, force=True)
            if (
                dataset.PhotometricInterpretation in ("PALETTE COLOR", "MONOCHROME1")
                or "PixelRepresentation" not in dataset
            ):
                continue
            if len(series.volumes) > 1 or series.volumes[0].pixels.dtype == np.float32:
                continue
            if len(series.frames) > 40 or "TransferSyntaxUID" not in dataset.file_meta:
                continue
            expected = dataset.pixel_array
        if len(series.frames) == 1:
            expected = expected[None]
        np.testing.assert_array_equal(series.volumes[0].read(), expected, err_msg=path.name)
        compared += 1
    assert compared >= 5


def test_high_throughput_jpeg_2000(needs_shared, scratch, tmp_path):
    """The two files lack study and series; with them they load as the lossless one is known to look."""
    for name in ("HTJ2KLossless_08_RGB.dcm", "HTJ2K_08_RGB.dcm"):
        dataset = pydicom.dcmread(needs_shared(f"data/dicom/transfer_syntax/{name}"))
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2", "1.3"
        dataset.save_as(tmp_path / name)
        volume = load_series([tmp_path / name], scratch).volumes[0]
        assert volume.is_colour
        np.testing.assert_array_equal(volume.read()[0], dataset.pixel_array)


def test_a_real_short_axis_stack(needs_shared, scratch):
    """200 files of one GE series: ten slices, twenty phases each, apart by what SpacingBetweenSlices says."""
    folder = needs_shared("data/lv/sunnybrook_dicom/SC-HF-I-4")
    paths = sorted(folder.rglob("*.dcm"), reverse=True)
    series = load_series(paths, scratch)
    assert [len(volume.frames) for volume in series.volumes] == [20] * 10
    centres = []
    for volume in series.volumes:
        planes = {frame.plane for frame in volume.frames}
        assert len({plane.position_mm for plane in planes}) == 1
        times = [frame.time_s for frame in volume.frames]
        assert times == sorted(set(times))
        centres.append(np.array(next(iter(planes)).position_mm))
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    np.testing.assert_allclose(steps, float(series.attributes["SpacingBetweenSlices"]), atol=0.01)
