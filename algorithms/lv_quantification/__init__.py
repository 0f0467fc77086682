"""Left-ventricle quantification from short-axis cine MR (CN 109003270 A): the door that the node uses.

indices.py      the eleven numbers, from masks
phase.py        end-diastole, end-systole and the state between, as the document has it; function.py: volumes and mass
estimate.py     the ventricle found and measured by the networks (finder, five index networks, masks)
algorithm.py    all of it on a Series: stack.py (planes.py, places.py, cycle.py, whole.py) finds and judges the stack,
                study.py (base.py) puts slices together, quality.py doubts them, results.py (groups, summary, montage,
                curve, bullseye) tells
phantom.py      simulated hearts with known truth; network.py, train.py, evaluate.py: how the networks came to be
"""

from __future__ import annotations

from algorithms.lv_quantification.algorithm import LvQuantification
from algorithms.lv_quantification.estimate import Estimator
from algorithms.lv_quantification.options import Options
from dicom_node.algorithm import Algorithm, Models

__all__ = ["Options", "create"]


def create(options: Options, models: Models) -> Algorithm:
    """The algorithm with its networks opened. Raises ModelError where they are missing."""
    return LvQuantification(options, Estimator(models))
