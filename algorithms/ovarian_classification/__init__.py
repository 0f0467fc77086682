"""Ovarian ultrasound classification (US 12394048 B2): the images of an examination in, a score for ovarian cancer out.

The door that the node uses.

algorithm.py    all of it on a Series: pictures.py finds the 2-D pictures, examination.py takes each through quality.py
                (used or dropped) and experts.py (marks.py, canvas.py, lesion.py, ask.py, lesion_or_ovary.py), then
                theta.py and operating.py; results.py (groups, concepts, summary, overlay) tells; clinical.py is told
                beside the score
phantom.py      simulated pictures with known truth; network.py, train.py, evaluate.py: how the networks came to be
"""

from __future__ import annotations

from algorithms.ovarian_classification.algorithm import OvarianClassification
from algorithms.ovarian_classification.examination import Judges
from algorithms.ovarian_classification.experts import Experts
from algorithms.ovarian_classification.operating import Operating
from algorithms.ovarian_classification.options import Options
from algorithms.ovarian_classification.quality import QualityTest
from dicom_node.algorithm import Algorithm, Models
from dicom_node.errors import ModelError

__all__ = ["Options", "create"]

OPERATING_ON_CARD_OF = "resnet50_1"


def create(options: Options, models: Models) -> Algorithm:
    """The algorithm with its networks opened. Raises ModelError where they, or the operating point, are missing."""
    experts, quality = Experts(models), QualityTest(models)
    card = models.card(OPERATING_ON_CARD_OF)
    if "operating" not in card:
        raise ModelError(f"the card of {OPERATING_ON_CARD_OF!r} in model.toml has no operating point: train again")
    judges = Judges(quality, experts, Operating.from_card(card["operating"]))
    return OvarianClassification(options, judges, (*experts.infos, quality.info))
