"""Microbubble decoupling for ultrasound localisation microscopy (US 12390196 B2): the door that the node uses.

measure.py      the two decouplings, as plain functions on numpy arrays
localise.py     sub-pixel positions (scene, psf, detect, fit, resolve), track.py, maps.py
algorithm.py    all of it on a Series: layout.py and clip.py find the contrast picture, decoupled.py makes the decoupled
                series in bounded memory, results.py and pictures.py turn what was found into an AnalysisResult
phantom.py      the simulator with known truth; score.py judges against it; evaluate.py does so on a folder of data
"""

from __future__ import annotations

from algorithms.ulm_decoupling.algorithm import UlmDecoupling
from algorithms.ulm_decoupling.options import Options
from dicom_node.algorithm import Algorithm, Models

__all__ = ["Options", "create"]


def create(options: Options, models: Models) -> Algorithm:
    """The algorithm, ready to run. It has no learned weights."""
    return UlmDecoupling(options)
