"""What is examined: one of the pelvic kinds, or another organ, painted before a probe, with what is to be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from algorithms.ovarian_classification import other_organs, pelvis_scene
from algorithms.ovarian_classification.pelvis_lesions import LESIONS
from algorithms.ovarian_classification.pelvis_texture import Field, Tissue
from algorithms.ovarian_classification.scan import any_probe
from algorithms.ovarian_classification.simulated import PictureOptions

PELVIC = ("normal_ovary", *LESIONS, "uterus")
_ELSEWHERE: Mapping[str, tuple[Callable[[Tissue, np.random.Generator], None], str]] = MappingProxyType(
    {
        "liver": (other_organs.liver, "curved"),
        "kidney": (other_organs.kidney_alone, "curved"),
        "thyroid": (other_organs.thyroid, "linear"),
        "heart": (other_organs.heart, "phased"),
    }
)


@dataclass(frozen=True, eq=False)
class Scene:
    """What lies before the probe.

    Attributes:
        tissue: painted.
        inside_mm: (samples, beams) mm inside the lesion or ovary; None without one.
        category: of the public images.
        labels: names of those that hold.
    """

    tissue: Tissue
    inside_mm: Field | None
    category: str | None
    labels: frozenset[str]


def scene_of(shown: str, options: PictureOptions, rng: np.random.Generator, beams: int) -> Scene:
    """Paints one of the pelvic kinds, bladder, ascites, or another organ."""
    if shown in _ELSEWHERE or shown == "contrast":
        paint, probe_name = _ELSEWHERE.get(shown, _ELSEWHERE["liver"])
        tissue = Tissue(any_probe(probe_name, rng), rng, beams)
        paint(tissue, rng)
        return Scene(tissue, None, None, frozenset())
    outside = {"bladder": 0.85, "uterus": 0.3, "ascites": 0.45}.get(shown, 0.18)
    probe_name = options.probe or ("curved" if rng.random() < outside else "endocavity")
    tissue = Tissue(any_probe(probe_name, rng), rng, beams)
    pelvis_scene.surroundings(tissue, rng)
    if probe_name == "curved":
        pelvis_scene.belly_wall(tissue, rng)
    if shown == "bladder":
        pelvis_scene.bladder(tissue, rng)
        if rng.random() < 0.5:
            pelvis_scene.uterus(tissue, rng, (rng.uniform(-10, 10), 0.62 * tissue.probe.depth_mm))
        return Scene(tissue, None, None, frozenset())
    if shown == "ascites":
        return _with_fluid(tissue, rng)
    inside_mm, category, labels = _pelvic(shown, tissue, rng)
    if shown == "high_grade_serous" and rng.random() < 0.3:
        pelvis_scene.free_fluid(tissue, rng, inside_mm)
        labels = labels | {"ascites"}
    return Scene(tissue, inside_mm, category, labels)


def _pelvic(shown: str, tissue: Tissue, rng: np.random.Generator) -> tuple[Field | None, str | None, frozenset[str]]:
    if shown == "uterus":
        pelvis_scene.uterus(tissue, rng)
        return None, None, frozenset()
    if shown == "normal_ovary":
        return pelvis_scene.normal_ovary(tissue, rng), "Ovary_Normal", frozenset({"adnexa"})
    paint, category = LESIONS[shown]
    return paint(tissue, rng), category, frozenset({"adnexa", "lesion"})


def _with_fluid(tissue: Tissue, rng: np.random.Generator) -> Scene:
    """Free fluid round a uterus, a mass, an ovary, or loops of bowel alone."""
    beside = str(rng.choice(["uterus", "high_grade_serous", "normal_ovary", "serous_cyst", "loops"]))
    if beside == "loops":
        pelvis_scene.free_fluid(tissue, rng)
        return Scene(tissue, None, None, frozenset({"ascites"}))
    if beside == "uterus":
        kept: Field | None = pelvis_scene.uterus(tissue, rng)
        pelvis_scene.free_fluid(tissue, rng, kept)
        return Scene(tissue, None, None, frozenset({"ascites"}))
    kept, category, labels = _pelvic(beside, tissue, rng)
    pelvis_scene.free_fluid(tissue, rng, kept)
    return Scene(tissue, kept, category, labels | {"ascites"})
