"""The codes of the report. None of the codes for measured elasticity or shear-wave speed (110830, 130611, 130609 DCM)
may be used: they name physical quantities, and nothing here was measured. So most are local."""

from __future__ import annotations

from algorithms.virtual_elastography.scoring import Scheme
from dicom_node.codes import Code, local

LESION = Code("52988006", "SCT", "Lesion")
TISSUE = Code("85756007", "SCT", "Tissue")
YES = Code("373066001", "SCT", "Yes")
NO = Code("373067005", "SCT", "No")

SCORED_REGION = local("SCORED_REGION", "Region of a synthetic elastogram")
CANNOT_SAY = local("CANNOT_SAY", "Cannot say: picture unlike the training images")

SHARES = {
    "soft": local("SYNTHETIC_SOFT", "Share of soft (red) in a synthetic elastogram"),
    "medium": local("SYNTHETIC_MEDIUM", "Share of medium (green) in a synthetic elastogram"),
    "hard": local("SYNTHETIC_HARD", "Share of hard (blue) in a synthetic elastogram"),
    "hard_core": local("SYNTH_HARD_CORE", "Share of hard (blue) in the region's inner half, synthetic"),
    "hard_around": local("SYNTH_HARD_RING", "Share of hard (blue) around the region, synthetic"),
}
CLASS_TYPES = {
    "soft": local("SYNTH_CLASS_SOFT", "Soft in a synthetic elastogram"),
    "medium": local("SYNTH_CLASS_MED", "Medium in a synthetic elastogram"),
    "hard": local("SYNTH_CLASS_HARD", "Hard in a synthetic elastogram"),
}
DISTANCE = local("UNFAMILIARITY", "Distance from the training images")
LIMIT = local("FAMILIAR_LIMIT", "Distance up to which a picture counts as familiar")
FAMILIAR = local("FAMILIAR", "Picture like the training images")
SCORE_SCHEME = local("SCORE_SCHEME", "Scheme of the score")
SCORE_MEANING = local("SCORE_MEANING", "Meaning of the score")
REGION_FROM = local("REGION_FROM", "Where the region comes from")
NO_SCORE = local("NO_SCORE", "No score: no region was found")


def score_name(scheme: Scheme) -> Code:
    """What the score is called: it says that it is one of a synthetic picture."""
    return local(f"{_prefix(scheme)}_SCORE", f"{scheme.title} of a synthetic elastogram")


def meanings(scheme: Scheme) -> tuple[Code, ...]:
    """One code for each score of a scheme, the lowest first."""
    return tuple(
        local(f"{_prefix(scheme)}_{value}", f"{scheme.short} {value}: {scheme.meaning(value)}")
        for value in scheme.values
    )


def _prefix(scheme: Scheme) -> str:
    return scheme.short.upper().replace(" ", "_")
