"""What ``model.toml`` and the model card say of the generator and the region finder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from algorithms.training.card import Card, Figure, TrainingData
from algorithms.training.figures import Interval
from algorithms.training.manifest import Entry
from algorithms.virtual_elastography.familiarity import CARD_KEY, LIMIT_QUANTILE, Reference
from algorithms.virtual_elastography.generate import GENERATOR, REGION
from algorithms.virtual_elastography.lessons import CHUNK, CHUNKS
from dicom_node.algorithm import EvaluationReport

VERSION = "1.0"
LICENCE = "as dicom-node; trained on simulated pictures only"
BMODE = "bmode (n, 1, 128, 128): crop of the B-mode picture, mean 0 and deviation 1 over the beam, clipped at -4 and 4"
GENERATOR_INPUTS = f"{BMODE}; style (n, 1): 0 strain, 1 shear wave"
GENERATOR_FIGURES = (
    "ssim",
    "ssim_own_size",
    "contrast_right",
    "kappa_tsukuba_given_region",
    "kappa_thyroid_four_point_given_region",
    "kappa_general_given_region",
    "familiar",
)
REGION_FIGURES = ("region_found", "region_dice", "region_invented")
STRUCTURES = {
    "Vgg19": "features of VGG19, pretrained on ImageNet",
    "Gaussians": "derivatives of Gaussians at four scales (the substitute for VGG19, whose weights were not at hand)",
}


def entries(figures: Mapping[str, Any], familiar: Reference | None, structure: str) -> list[Entry]:
    """The manifest's entries. ``figures``: of ``evaluate`` (empty before there are any)."""
    data = f"{CHUNKS['lesson'] * CHUNK} pairs of this algorithm's simulator"
    more: dict[str, Any] = {"structure_loss": STRUCTURES[structure]}
    if familiar is not None:
        more[CARD_KEY] = familiar.told()
    return [
        Entry(
            name=GENERATOR,
            version=VERSION,
            file="generator.onnx",
            inputs=GENERATOR_INPUTS,
            licence=LICENCE,
            data=data,
            figures=_chosen(figures, GENERATOR_FIGURES),
            simulated_only=True,
            more=more,
        ),
        Entry(
            name=REGION,
            version=VERSION,
            file="region.onnx",
            inputs=BMODE,
            licence=LICENCE,
            data=data,
            figures=_chosen(figures, REGION_FIGURES),
            simulated_only=True,
        ),
    ]


def _chosen(figures: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """[low, value, high] by name."""
    return {
        name: [figures[name][end] for end in ("low", "value", "high") if figures[name][end] is not None]
        for name in names
        if figures.get(name)
    }


def card(report: EvaluationReport, structure: str) -> Card:
    """The card of both networks: they are used together."""
    assert isinstance(report.values, Mapping)
    return Card(
        title="virtual_elastography: generator and region finder",
        version=VERSION,
        purpose="Draw a synthetic elastogram of a B-mode ultrasound picture, and find the lesion to score on it. "
        "What it draws is what the simulator's tissues would show: not a measurement.",
        inputs=f"Generator: {GENERATOR_INPUTS}. Region finder: {BMODE}.",
        outputs="Generator: elastogram (n, 3, 128, 128) RGB in 0..1 and features (n, 16) for the test of familiarity. "
        "Region finder: lesion (n, 1, 128, 128) probability.",
        data=(
            TrainingData(
                "simulator (phantom.py): scatterers moved by a finite-element solution",
                "as dicom-node",
                f"{CHUNKS['lesson'] * CHUNK} pairs, seeded",
                "both networks",
            ),
            TrainingData(
                "simulator (phantom.py)",
                "as dicom-node",
                f"{CHUNKS['reference'] * CHUNK} further pairs",
                "mean, spread and limit of the test of familiarity",
            ),
        ),
        training="USE-GAN (spatial attention, three down-samplings, six residual blocks, three up-samplings, channel "
        f"attention) against a patch discriminator; L1, colour distribution, structure: {STRUCTURES[structure]}. "
        "Then a short second stage that asks for structural similarity as well. "
        "AdamW, cosine schedule, fixed length, averaged weights; cut, mirrored, gain, gamma, smoothing, noise, ringing "
        "and writing. Region finder: a residual U-Net, cross-entropy and Dice.",
        folds="None: pairs to learn from, for familiarity and for these figures are drawn from separate streams of "
        "random numbers. There are no patients.",
        figures=_figures(report.values),
        limits=_limits(report.values),
    )


def _figures(values: Mapping[str, Any]) -> list[Figure]:
    return [
        *(
            Figure(name, _value(value), "", f"{value['n']} unseen simulated pairs")
            for name, value in values.items()
            if isinstance(value, Mapping) and "value" in value
        ),
        *(
            Figure(f"refused: {kind}", one["refused"] / one["pictures"], "share", f"{one['pictures']} real pictures")
            for kind, one in values["unlike"].items()
        ),
        *(
            Figure(f"{name} of {one['name']}", one[name], "", "one real picture, " + _trust(one))
            for one in values["real_pairs"]
            for name in ("ssim", "rank_correlation", "distance")
        ),
    ]


def _limits(values: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        "Trained on simulated pictures only: the figures hold for the simulator's tissues, where a lesion's look "
        "tells something of how stiff it is. In patients it often does not.",
        "An inclusion that does not show in the B-mode picture does not show in the synthetic elastogram.",
        f"Familiar is what lies within the {LIMIT_QUANTILE:.0%} quantile of simulated pictures; most clinical "
        "pictures do not, and are answered with: cannot say.",
        "No physical unit can be had from it.",
        "The simulator's scanners were widened until the real phantom picture lay among them: that it is familiar "
        "proves little. The second stage was added after a look at the similarity of another 200 simulated pairs.",
        *(
            f"Real pair {one['name']} ({_trust(one)}): "
            f"{'familiar' if one['familiar'] else 'answered with cannot say'}, "
            f"distance {one['distance']:.2f}, limit {one['limit']:.2f}."
            for one in values["real_pairs"]
        ),
    )


def _value(told: Mapping[str, Any]) -> Interval | float:
    return told["value"] if told["low"] is None else Interval(told["low"], told["value"], told["high"])


def _trust(pair: Mapping[str, Any]) -> str:
    return "trusted" if pair["trusted"] else "noisy: to be refused"
