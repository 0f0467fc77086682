"""``dicom-node evaluate ulm_decoupling --data DIR``: localisations against known positions, by the node's own path.

DIR holds NAME.npz (array ``frames``: frames, rows, columns) and NAME_positions.csv (frame, track, x_px, y_px,
amplitude; pixel centres at integers). Each sequence is analysed twice: ``decoupled`` and, for comparison, ``plain``.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.algorithm import UlmDecoupling
from algorithms.ulm_decoupling.options import Options
from algorithms.ulm_decoupling.score import score_localisations
from dicom_node.algorithm import EvaluationReport, Workbench
from dicom_node.errors import UsageError
from dicom_node.result import Table
from dicom_node.series import ArrayPixels, Frame, FrameRef, Series, Volume

PAIRING_RADIUS_PX = 2.0
US_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"
TRUTH = "_positions.csv"
POSITION = ("frame", "x_px", "y_px")

Arm = Literal["decoupled", "plain"]


def evaluate(data: Path, bench: Workbench) -> EvaluationReport:
    """One row for each sequence and arm: jaccard, precision, sensitivity, rmse_px (None without a pair), counts.

    The sequences are arrays and nothing is drawn at random: of the workbench only ``progress`` is used.

    Raises:
        UsageError: no sequence with truth in ``data``, or a file that is not what its name says.
    """
    sequences = sorted(path for path in data.glob("*.npz") if _truth_of(path).exists())
    if not sequences:
        raise UsageError(f"no NAME.npz with NAME{TRUTH} beside it in {data}")
    rows = []
    for number, path in enumerate(sequences):
        bench.progress(number / len(sequences), path.stem)
        rows += [_row(path, arm) for arm in get_args(Arm)]
    return EvaluationReport(rows=tuple(rows), values=rows)


def _row(path: Path, arm: Arm) -> dict[str, Any]:
    true = read_positions(_truth_of(path))
    result = UlmDecoupling(Options(decoupling=arm, series=False)).run(as_series(read_frames(path)))
    found = positions_of(result.tables[0])
    score = score_localisations(found, true, PAIRING_RADIUS_PX)
    return {
        "sequence": path.stem,
        "arm": arm,
        "jaccard": score.jaccard,
        "precision": score.precision,
        "sensitivity": score.sensitivity,
        "rmse_px": score.rmse_px,
        "localisations": len(found),
        "truth": len(true),
    }


def as_series(frames: NDArray) -> Series:
    """An array as the series that the loader would make of it: no calibration and no time, as the array has none."""
    refs = [FrameRef(US_MULTIFRAME, "2.25.1", number + 1) for number in range(len(frames))]
    bits = 8 * frames.dtype.itemsize
    volume = Volume(tuple(map(Frame, refs)), ArrayPixels(frames), series_uid="2.25.2", modality="US", bits_stored=bits)
    return Series("2.25.3", (volume,))


def positions_of(table: Table) -> NDArray[np.floating]:
    """(n, 3) frame, x, y of a result's table of localisations."""
    places = [table.columns.index(column) for column in POSITION]
    return np.array([[row[place] for place in places] for row in table.rows], dtype=float).reshape(-1, 3)


def read_frames(path: Path) -> NDArray:
    """The array ``frames`` of an .npz file."""
    with np.load(path) as archive:
        if "frames" not in archive:
            raise UsageError(f"{path.name} has no array 'frames'; it has: {', '.join(archive) or 'nothing'}")
        frames = archive["frames"]
    if frames.ndim != 3:
        raise UsageError(f"{path.name}: frames must be (frames, rows, columns); got {frames.shape}")
    return frames


def read_positions(path: Path) -> NDArray[np.floating]:
    """(n, 3) frame, x, y of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in POSITION if column not in (reader.fieldnames or ())]
        if missing:
            raise UsageError(f"{path.name} has no column {', '.join(missing)}")
        try:
            rows = [[float(row[column]) for column in POSITION] for row in reader]
        except (TypeError, ValueError) as error:
            raise UsageError(f"{path.name}:{reader.line_num}: a position is a number in each column") from error
    return np.array(rows, dtype=float).reshape(-1, 3)


def _truth_of(path: Path) -> Path:
    return path.with_name(path.stem + TRUTH)
