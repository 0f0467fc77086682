"""What is no whole short-axis cine of a heart: exit code 3, the reason on stderr, nothing but result.json, no network
asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from algorithms.lv_quantification.estimate import Estimator
from algorithms.lv_quantification.phantom import make_study
from dicom_node.cli import main
from sample_dicom import cine_mr
from sample_dicom.part10 import write

SAMPLE = Path(__file__).resolve().parents[3] / "sample_dicom" / "lv_quantification"
SLICES = (3, 4, 5)


@dataclass(frozen=True)
class Refusal:
    """What a refused run wrote: standard error, and result.json."""

    told: str
    content: dict


@pytest.fixture
def refused(tmp_path, capsys) -> Callable[..., Refusal]:
    """A function: a folder or files -> how ``dicom-node run`` refused them."""

    def refused(*paths: Path) -> Refusal:
        out = tmp_path / "out"
        with pytest.raises(SystemExit) as left:
            main(["run", "lv_quantification", *map(str, paths), "--out", str(out)])
        shown = capsys.readouterr()
        assert left.value.code == 3, shown.err
        assert shown.out == ""
        assert [path.name for path in out.rglob("*")] == ["result.json"]
        content = json.loads((out / "result.json").read_text())
        assert content["status"] == "unsuitable"
        assert content["reason"] == shown.err.strip()
        assert content["summary"] == {}
        assert content["objects"] == content["measurement_groups"] == []
        return Refusal(shown.err, content)

    return refused


@pytest.fixture
def no_network(monkeypatch) -> None:
    """Fails the test where the networks are asked."""
    monkeypatch.setattr(Estimator, "estimate", lambda *_: pytest.fail("refusals come before the networks"))


@pytest.fixture
def study(tmp_path) -> Path:
    """A copy of three slices of the sample."""
    folder = tmp_path / "study"
    folder.mkdir()
    for number in SLICES:
        for path in SAMPLE.glob(f"lv_phantom_s{number:02d}_*.dcm"):
            shutil.copy(path, folder)
    return folder


def changed(folder: Path, change: Callable[[Dataset], None]) -> None:
    """Every file, changed, in its place."""
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path)


def without(keyword: str) -> Callable[[Dataset], None]:
    return lambda dataset: delattr(dataset, keyword)


@pytest.mark.usefixtures("no_network")
class TestBeforeTheNetworks:
    """Refusals that the header is enough for."""

    def test_a_long_axis_cine(self, refused, tmp_path):
        options = replace(cine_mr.SHORT_AXIS, slices=1, rows=64, columns=64, view="long_axis", above_base_mm=5.0)
        folder = tmp_path / "long_axis"
        folder.mkdir()
        for name, dataset in cine_mr.classic(make_study(options), "long_axis"):
            write(dataset, folder / name)
        told = refused(folder).told
        assert "needs a cine MR in short-axis planes of the heart" in told
        assert "89 degrees off the short axis (long axis, or no heart)" in told

    def test_a_single_frame(self, refused, study):
        told = refused(study / "lv_phantom_s04_f01.dcm").told
        assert "MR of fewer than 5 frames at a place: no cine of the heart" in told

    def test_missing_trigger_times(self, refused, study):
        changed(study, without("TriggerTime"))
        told = refused(study).told
        assert "slice 1, 2, 3: " in told
        assert "needs TriggerTime (classic) or NominalCardiacTriggerDelayTime (enhanced), one value per phase" in told

    def test_missing_spacing(self, refused, study):
        changed(study, without("PixelSpacing"))
        told = refused(study).told
        assert "slice 1, 2, 3: no valid PixelSpacing; needs it for every area and length" in told

    def test_a_phase_of_one_slice_is_missing(self, refused, study):
        (study / "lv_phantom_s04_f11.dcm").unlink()
        told = refused(study).told
        assert "slice 2: an incomplete or doubled heart cycle: 19 frames" in told
        assert "CardiacNumberOfImages 20" in told

    @pytest.mark.parametrize("name", ["MR01.dcm", "GH064.dcm", "emri_small_RLE.dcm"])
    def test_a_real_mr_of_something_else(self, refused, needs_shared, name):
        folder = "odd" if name.startswith("GH") else "general"
        refusal = refused(needs_shared(f"data/dicom/{folder}/{name}"))
        assert "needs a cine MR in short-axis planes of the heart; found 1 slice(s)" in refusal.told


@pytest.mark.parametrize("name", ["odd/GH064.dcm", "general/MR01.dcm"])  # a head; vessels beside a joint
def test_another_part_of_the_body_in_a_cine_of_short_axis_planes(refused, study, needs_shared, name):
    other = pydicom.dcmread(needs_shared(f"data/dicom/{name}"))
    pixels, spacing, rng = other.pixel_array, other.PixelSpacing, np.random.default_rng(1)

    def show_other(dataset: Dataset) -> None:
        noisy = np.clip(pixels + rng.normal(0, 5, pixels.shape), 0, 4095).astype("<u2")
        dataset.Rows, dataset.Columns = noisy.shape
        dataset.PixelSpacing = spacing
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.PixelData = noisy.tobytes()
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OW", False

    changed(study, show_other)
    told = refused(study).told
    assert "needs a left ventricle in sight" in told or "needs a cine in which the heart beats" in told
