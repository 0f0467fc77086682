"""Virtual elastography: from a B-mode picture to a synthetic elastogram, for a person to confirm (CN 117679077 A).

The door that the node uses.

algorithm.py    all of it on a Series: bmode.py (tint.py) finds the pictures and refuses the rest, judged.py takes one
                through preprocess.py, generate.py, familiarity.py, region.py and scoring.py, results.py (groups,
                concepts, summary, pictures) tells
colours.py      softness as colour and back
phantom.py      simulated pairs with known truth; network.py, train.py, evaluate.py: how the networks came to be
"""

from __future__ import annotations

from algorithms.virtual_elastography.algorithm import VirtualElastography
from algorithms.virtual_elastography.familiarity import Reference
from algorithms.virtual_elastography.generate import GENERATOR, REGION, Networks
from algorithms.virtual_elastography.options import Options
from dicom_node.algorithm import Algorithm, Models

__all__ = ["Options", "create"]


def create(options: Options, models: Models) -> Algorithm:
    """The algorithm with its networks opened. Raises ModelError where they are missing."""
    reference = Reference.from_card(models.card(GENERATOR))
    infos = (models.open(name).info for name in (GENERATOR, REGION))
    return VirtualElastography(options, Networks(models), reference.judge, tuple(infos))
