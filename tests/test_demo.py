"""The demo: the whole line on the sample series, with nothing installed besides."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node.cli import main
from dicom_node.demo import find_samples, run_demo
from dicom_node.errors import UsageError

pytestmark = [pytest.mark.loopback, pytest.mark.process]

ROLES = {"report", "segmentation", "density_map", "density_picture", "decoupled", "tracks_picture"}


@pytest.fixture
def samples(tmp_path) -> Path:
    """The two quick ones of the sample series: a contrast cine of 50 frames, and a still that no rule wants."""
    folder = tmp_path / "samples"
    folder.mkdir()
    for name in ("ulm_decoupling/ulm_dual_view.dcm", "other/b_mode_still.dcm"):
        shutil.copy(find_samples() / name, folder)
    return folder


def test_the_demo_tells_what_became_of_each_series_and_leaves_dicom_and_pictures(samples, tmp_path):
    told: list[str] = []
    report = run_demo(tmp_path / "out", samples, told.append)
    assert report.problems == ()
    by_file = {outcome.files[0]: outcome for outcome in report.outcomes}
    assert by_file["b_mode_still.dcm"].decision == "no rule matched: kept and listed"
    cine = by_file["ulm_dual_view.dcm"]
    assert cine.decision == "ulm_decoupling: done"
    assert "without a new instance" in cine.complete_because
    assert {f"{role} (delivered)" for role in ROLES} <= set(cine.objects)
    received = list((tmp_path / "out" / "archive").glob("**/*.dcm"))
    assert report.received_objects == len(received) == len(cine.objects)
    source = dcmread(samples / "ulm_dual_view.dcm", stop_before_pixels=True)
    assert {dcmread(path, stop_before_pixels=True).StudyInstanceUID for path in received} == {source.StudyInstanceUID}
    assert report.pictures
    assert all(picture.read_bytes()[:4] == b"\x89PNG" for picture in report.pictures)
    assert report.duration_s > 1  # the quiet time
    assert any("modality sent 2 objects" in line for line in told)


def test_the_command_shows_a_table_that_fits_and_starts_over_in_its_own_folder(samples, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = tmp_path / "out"
    out.mkdir()
    (out / "routing.yaml").write_text("# made by dicom-node demo\n")
    (out / "old.dcm").touch()
    (samples / "ulm_dual_view.dcm").unlink()
    with pytest.raises(SystemExit) as left:
        main(["demo", "--out", str(out), "--samples", str(samples)])
    shown = capsys.readouterr()
    assert left.value.code == 0, shown.err
    assert not (out / "old.dcm").exists()
    assert "b_mode_still.dcm" in shown.out
    assert "no rule" in shown.out
    table = shown.out[shown.out.index("what came of each series") : shown.out.index("0 result objects")]
    assert max(map(len, table.splitlines())) <= 80


def test_a_folder_with_other_things_in_it_is_left_alone(samples, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds other things: give --out an empty folder"):
        run_demo(tmp_path, samples, print)
    assert (tmp_path / "thesis.txt").exists()


def test_a_folder_without_dicom_is_wrong_use(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="nothing to send"):
        run_demo(tmp_path / "out", tmp_path / "empty", print)
