"""``dicom-node evaluate ulm_decoupling``: rows against known positions, and bad data refused in words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from algorithms.ulm_decoupling.evaluate import evaluate
from dicom_node.algorithm import Workbench, silent
from dicom_node.cli import cli
from dicom_node.errors import UsageError


def workbench(progress=silent):
    def load(paths):
        raise AssertionError("the sequences are arrays, not DICOM")

    return Workbench(load=load, progress=progress)


def write(folder, name, frames, truth):
    np.savez_compressed(folder / f"{name}.npz", frames=frames)
    lines = [f"{int(t)},0,{x:.3f},{y:.3f},1.0" for t, x, y in truth]
    (folder / f"{name}_positions.csv").write_text("\n".join(["frame,track,x_px,y_px,amplitude", *lines, ""]))


def test_rows_for_each_sequence_and_arm(tmp_path, drawn):
    write(tmp_path, "b", drawn.frames, drawn.truth)
    write(tmp_path, "a", drawn.frames, drawn.truth[: len(drawn.truth) // 2])  # half of the truth: half is false
    np.savez(tmp_path / "no_truth.npz", frames=drawn.frames)
    told = []
    rows = evaluate(tmp_path, workbench(lambda fraction, doing: told.append((fraction, doing)))).rows
    assert told == [(0.0, "a"), (0.5, "b")]
    assert [(row["sequence"], row["arm"]) for row in rows] == [
        ("a", "decoupled"),
        ("a", "plain"),
        ("b", "decoupled"),
        ("b", "plain"),
    ]
    whole, half = rows[2], rows[0]
    assert whole["truth"] == len(drawn.truth) == 160
    assert whole["jaccard"] > 0.97
    assert whole["rmse_px"] < 0.1
    assert half["sensitivity"] > 0.97
    assert half["precision"] == pytest.approx(80 / half["localisations"], abs=0.02)


def test_nothing_found_has_no_error_to_tell(tmp_path):
    write(tmp_path, "dark", np.zeros((20, 32, 32), np.uint8), [(3, 10, 10)])
    row = evaluate(tmp_path, workbench()).rows[0]
    assert (row["jaccard"], row["rmse_px"], row["localisations"]) == (0.0, None, 0)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda folder: (folder / "a_positions.csv").unlink(), "no NAME.npz with NAME_positions.csv"),
        (lambda folder: (folder / "a_positions.csv").write_text("frame,x,y\n"), "no column x_px, y_px"),
        (lambda folder: (folder / "a_positions.csv").write_text("frame,x_px,y_px\n0,1,2\n1,,3\n"), "csv:3: a position"),
        (lambda folder: np.savez(folder / "a.npz", images=np.zeros(3)), "no array 'frames'; it has: images"),
        (lambda folder: np.savez(folder / "a.npz", frames=np.zeros((3, 3))), r"got \(3, 3\)"),
    ],
)
def test_data_that_do_not_hold_are_refused(tmp_path, drawn, break_it, said):
    write(tmp_path, "a", drawn.frames, drawn.truth)
    break_it(tmp_path)
    with pytest.raises(UsageError, match=said):
        evaluate(tmp_path, workbench())


def test_the_command_prints_the_rows(tmp_path, drawn):
    write(tmp_path, "crossing", drawn.frames, drawn.truth)
    done = CliRunner().invoke(cli, ["evaluate", "ulm_decoupling", "--data", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)
    assert {row["arm"] for row in rows} == {"decoupled", "plain"}
    assert rows[0]["jaccard"] > 0.97
