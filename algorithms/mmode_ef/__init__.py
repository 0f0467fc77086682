"""Ejection fraction from M-mode (CN 109620293 B): the door that the node uses.

strip.py        the M-mode region of a screen and its scale, or the reason to refuse
preprocess.py   grey, whitening, the grids of the networks; gate.py: is it a left ventricle at all
detect.py       cardiac cycles (Faster R-CNN: proposals.py between two networks); regress.py: eight points in each
cycles.py       which beats are measured; teichholz.py: volumes and mass; walls.py: curves; ecg.py: R waves; ranges.py
algorithm.py    all of it on a Series; results.py, summary.py and pictures.py tell
phantom.py      simulated screens with known truth; network.py, lessons.py, train.py, evaluate.py: how the networks came
"""

from __future__ import annotations

from algorithms.mmode_ef.algorithm import MmodeEf, Networks
from algorithms.mmode_ef.options import Options
from dicom_node.algorithm import Algorithm, Models

__all__ = ["Options", "create"]


def create(options: Options, models: Models) -> Algorithm:
    """The algorithm with its networks opened. Raises ModelError where they are missing."""
    return MmodeEf(options, Networks(models))
