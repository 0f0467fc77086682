"""Learns the factor from cases."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from dicom_node.algorithm import Workbench
from dicom_node.case import Case
from fake_scale import write_model


def train_from_cases(cases: Sequence[Case], out: Path, bench: Workbench) -> None:
    """The middle of what persons' scores are to the means."""
    confirmed = [case for case in cases if case.confirmed is not None]
    factors = [case.confirmed.summary["score"] / case.drafted.summary["mean"] for case in confirmed]
    write_model(out, statistics.median(factors), f"1.0+{len(confirmed)}")
