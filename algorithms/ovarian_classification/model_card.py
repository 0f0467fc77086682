"""What ``model.toml`` says of the fifteen networks that judge a picture, and the model card of all networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from algorithms.ovarian_classification.canvas import CANVAS_PX, CROP_PX, MARGIN
from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.folds import blocks_of
from algorithms.ovarian_classification.operating import Operating
from algorithms.ovarian_classification.public_weights import ORIGIN
from algorithms.ovarian_classification.quality import SIMULATED_ONLY
from algorithms.ovarian_classification.training_data import Labelled
from algorithms.training.card import Card, Figure, TrainingData
from algorithms.training.figures import Interval
from algorithms.training.manifest import Entry
from dicom_node.algorithm import EvaluationReport

VERSION = "3.1"
MMOTU = "MMOTU, 2-D ultrasound part (Zhao et al. 2022, arXiv 2207.06799)"
MMOTU_LICENCE = "none stated; research use"
LICENCE = "research use: the pictures that taught it state no licence"
BEGUN_LICENCE = f"{LICENCE}; {ORIGIN}: see NOTICE.md"
TAUGHT_LICENCE = f"{LICENCE}; learned from networks that began from {ORIGIN}: see NOTICE.md"
BEGINNING = "begun, without labels, on pictures of other kinds and simulated ones (model_card.md)"
SEGMENT_INPUTS = f"field (n, 1, {CANVAS_PX}, {CANVAS_PX}): whole picture, grey, marks painted out, letterboxed, -1..1"
EXPERT_INPUTS = (
    f"crop (n, 2, {CROP_PX}, {CROP_PX}): square about the lesion with {MARGIN:.0%} of its longer side left free, "
    "grey without marks -1..1, and the lesion's share of each pixel 0..1"
)
READERS = {
    "resnet50": "ResNet-50",
    "darknet19": "Darknet-19",
    "ensemble": "ensemble",
    "lesion_vs_normal": "lesion or normal ovary",
}
FIGURES = ("auc", "accuracy", "sensitivity", "specificity", "ppv", "npv", "kappa", "f1")
UNIT = "1"


def entries(
    held_out: Sequence[Sequence[str]],
    operating: Operating | None,
    without: Sequence[Operating],
    figures: Mapping[str, Any],
) -> list[Entry]:
    """The manifest's entries of segmenters and experts, fold by fold; the quality network's is train_quality's.

    Args:
        held_out: digests of the pictures that each fold's networks never saw.
        operating: for the node; ``None`` before there is one.
        without: for each fold, fitted on the others.
        figures: values of ``evaluate`` (empty before there are any).
    """
    data = f"{MMOTU}: {sum(map(len, held_out))} pictures less those held out"
    found = []
    for fold, digests in enumerate(held_out, start=1):
        for kind, inputs in (("segment", SEGMENT_INPUTS), ("resnet50", EXPERT_INPUTS), ("darknet19", EXPERT_INPUTS)):
            more: dict[str, Any] = {"held_out_digests": list(digests)}
            if kind == "resnet50" and fold == 1 and operating is not None:
                more["operating"] = operating.to_card()
                more["operating_without"] = [one.to_card() for one in without]
            found.append(
                Entry(
                    name=f"{kind}_{fold}",
                    version=VERSION,
                    file=f"{kind}_{fold}.onnx",
                    inputs=inputs,
                    licence=TAUGHT_LICENCE if kind == "darknet19" else BEGUN_LICENCE,
                    data=f"{data}; {BEGINNING}" if kind == "darknet19" else data,
                    figures=_chosen(kind, figures),
                    more=more,
                )
            )
    return found


def _chosen(kind: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """[low, value, high] by name; of all five networks together, each on the pictures that it never saw."""
    if not figures:
        return {}
    if kind == "segment":
        part, names = figures["segmentation"] or {}, ("dice_mean", "none_found")
    else:
        part, names = figures[kind], ("auc", "sensitivity", "specificity")
    found = {}
    for name in names:
        value = _value(part, name)
        if isinstance(value, Interval):
            found[name] = [end for end in (value.low, value.value, value.high) if end is not None]
    return found


def card(
    pictures: Sequence[Labelled],
    report: EvaluationReport,
    tried: Sequence[str],
    quality_figures: Mapping[str, float],
    operating: Operating,
) -> Card:
    """The card of all networks together: they are used together.

    Args:
        pictures: that taught them.
        report: of ``evaluate`` on them.
        tried: ways that were tried, each with what came of it, chosen or not.
        quality_figures: of the quality network, on pictures that did not teach it (train_quality.py).
        operating: of the node.
    """
    assert isinstance(report.values, Mapping)
    values = report.values
    ways = "\n".join(f"- {way}" for way in tried)
    return Card(
        title="ovarian_classification: segmenters, ResNet-50, Darknet-19 and the quality network",
        version=VERSION,
        purpose="Score the pelvic ultrasound pictures of one examination for ovarian cancer (US 12394048 B2), outline "
        "the lesion or ovary, and show where the score came from. Five of each network, averaged.",
        inputs=f"Segmenter: {SEGMENT_INPUTS}. ResNet-50 and Darknet-19: {EXPERT_INPUTS}. "
        "Quality network: the whole picture in colour.",
        outputs="Segmenter: logits of lesion or ovary, shares of the classes in the whole picture. Experts: logits of "
        f"{len(CLASSES)} classes, of which high-grade serous carcinoma is what is called malignant, and their class "
        "activation maps. Quality network: logits of adnexa, lesion, ascites, blood flow, three-dimensional, "
        "undetermined, and how far the picture is from those that taught it.",
        data=_data(pictures),
        training="The document's depth (50 layers; 19 convolutions) at half and three eighths of the width. Segmenter "
        f"and ResNet-50 begin from public weights: {ORIGIN}; they know photographs, no ultrasound. Darknet-19, "
        "of which there are none, begins from the features of that public network, which it learned on "
        "pictures of other kinds and simulated ones, none of the set. Each fold has two ResNet-50 for "
        "teachers; the first of them learns on from the answers of both, and from both Darknet-19 learns, on "
        "the same crops and on squares anywhere in these and other pictures, their answers and their features "
        "at every place. Each looks at the lesion, at three sizes; its answer is pooled with what the "
        "segmenter (three of the ResNet's four stages) takes the whole picture for, as the geometric mean of "
        "probabilities. Lesion or normal is told by ResNet-50 and the whole picture (weights 0.7 and 0.3) and by how "
        "sure the segmenter is of its outline. AdamW, fixed length, averaged weights; crop, turn, flip, zoom, shift, "
        "exposure; marks drawn at random on pictures of every class; outlines as segmenters that never saw the "
        "picture find them, and the average over the lesion (places outside count a fiftieth). The eight classes and "
        "what a reader would describe (echo, fluid, borders, shape) are taught together; the segmenter learns which "
        "class an outline has, too. Large convolutions of these fifteen networks are stored in a byte for each "
        "weight."
        f"\n\nWays that were tried:\n{ways or '- none told'}",
        folds="Five. The pictures do not say which patient they are of, but numbers in a row often are of one: runs of "
        f"numbers are kept together ({len(set(blocks_of(pictures).tolist()))} blocks), long runs cut where neighbours "
        "look least alike, and no block is on both sides. Thresholds and calibration for a fold rest on the other "
        f"four; the node's on {operating.rests_on}.",
        figures=[*_reader_figures(values), *_other_figures(values), *_quality_figures(quality_figures)],
        limits=_limits(values, operating),
    )


def _data(pictures: Sequence[Labelled]) -> tuple[TrainingData, ...]:
    counts = {name: sum(picture.category == name for picture in pictures) for name in CLASSES}
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    masks = sum(bool(picture.mask.any()) for picture in pictures)
    return (
        TrainingData(MMOTU, MMOTU_LICENCE, f"{len(pictures)} pictures, {masks} with a mask: {told}", "all networks"),
        TrainingData(
            "simulator (phantom.py)",
            "as dicom-node",
            "seeded",
            f"quality network ({', '.join(SIMULATED_ONLY)} rest on it only); without a label, where Darknet-19 begins",
        ),
        TrainingData(
            "public pictures of other kinds (echo, liver, MR and others)",
            "various; research use",
            "model.toml names those that taught the quality network; the others are all that lie beside the set",
            "quality network: what is no pelvic ultrasound; without a label, where Darknet-19 begins",
        ),
    )


def _reader_figures(values: Mapping[str, Any]) -> list[Figure]:
    rests_on = f"{values['images']} pictures, each judged by the fold that never saw its block"
    found = []
    for reader, title in READERS.items():
        for name in FIGURES:
            value = _value(values[reader], name)
            if value is not None:
                found.append(Figure(f"{title}: {name}", value, UNIT, rests_on))
    by_block = values["ensemble"]["auc_ci_by_block"]
    if by_block is not None:
        interval = Interval(by_block[0], values["ensemble"]["auc"], by_block[1])
        found.append(Figure("ensemble: auc, interval by block", interval, UNIT, f"{values['blocks']} blocks"))
    return found


def _other_figures(values: Mapping[str, Any]) -> list[Figure]:
    wanted = [
        ("examinations", "auc", "blocks in place of examinations: auc", "examinations"),
        ("segmentation", "dice_mean", "lesion Dice, mean", "images"),
        ("segmentation", "none_found", "lesions not outlined", "images"),
        ("activation_map", "maximum_in_lesion", "activation map's maximum in the lesion", "images"),
        ("activation_map", "maximum_in_found_lesion", "activation map's maximum in the outline", "images"),
        ("activation_map", "by_chance", "the same by chance", "images"),
        ("activation_map", "by_outline", "the same for any place in the outline", "images"),
    ]
    found = []
    for part, name, title, count in wanted:
        value = _value(values[part] or {}, name)
        if value is not None:
            of = "blocks" if part == "examinations" else "pictures"
            found.append(Figure(title, value, UNIT, f"{values[part][count]} {of}"))
    marks = values["marks"] or {}
    titles = {
        "drawn": "auc with other marks drawn on",
        "left_in": "auc with the real marks left in, as grey",
        "only_marks": "auc of nothing but the marks",
    }
    for name, title in titles.items():
        value = _value(marks.get(name, {}), "auc")
        if value is not None:
            found.append(Figure(title, value, UNIT, f"{marks['images']} of the pictures"))
    return found


def _quality_figures(figures: Mapping[str, float]) -> list[Figure]:
    return [
        Figure(f"quality network: {name}", value, "share", "pictures and sources that did not teach it")
        for name, value in figures.items()
    ]


def _limits(values: Mapping[str, Any], operating: Operating) -> tuple[str, ...]:
    low, high = operating.abstain_low, operating.abstain_high
    return (
        f"{values['malignant_images']} malignant pictures in {values['malignant_blocks']} blocks, which by their looks "
        "are of ten to twenty women, and one histology (high-grade serous). Other cancers, borderline tumours and "
        "metastases were never seen. The intervals say how little that carries; those that take pictures as "
        "independent are too narrow.",
        "All cancers come as one run of numbers, far from the others: a patient may lie on both sides of a cut in it, "
        "and what sets that run apart could be learned in place of cancer (size, greys and framing of the pictures "
        "tell nothing: AUC 0.4 to 0.6).",
        "Blocks are not patients: 25 pictures, none with cancer, have a nearly identical one in another fold; for "
        "lesion or normal, classes and Dice the figures may be slightly too good. 282 and 285 are one picture with two "
        "labels: the label is that of the outlined organ.",
        "Thresholds for a fold rest on networks of the other folds, which had seen its labels; they hardly differ.",
        "What a label rests on, pathology or a reader's opinion, is not in the data.",
        "The pictures are of one hospital and few scanners; the figures hold for such pictures.",
        "Published figures of 0.95 and more on these pictures split them at random, so that pictures of one patient "
        "lie on both sides throughout. These keep runs of numbers together, and are lower for it.",
        "Examinations are not known: blocks stand in for them, and theta of several images was never tried on real "
        "examinations. Thresholds were fitted on single images, and on answers of one fold's networks; a node "
        "averages five, which are less extreme, so sensitivity and specificity of the band hold roughly.",
        f"The probability holds for the share of malignant pictures in the set ({values['malignant_images']} of "
        f"{values['images']}), not for a clinic's.",
        f"No decision from theta {low:.3f} to {high:.3f}: "
        f"{_percent(values['ensemble']['band'].get('abstained'))} of these pictures.",
        *_not_better(values),
        f"{', '.join(SIMULATED_ONLY)}: no real picture with such a label taught them, only simulated ones and, for "
        "undetermined, real ones that were spoiled. Of the simulator's ascites pictures hardly any is called so (mean "
        "probability 0.14): an ascites that is not named means nothing.",
        "The outlines that taught an expert come from segmenters of other folds, which had seen the outlines and the "
        "classes of the pictures that are held out for it; what an expert is judged on comes from a segmenter that "
        "had not.",
        "Pictures of other kinds: 50, of sources that did not teach the quality network; the length of its schedule "
        "and the shares of its lessons were chosen with their figures in sight.",
        "The activation map shows where the score came from, not where a tumour ends. The experts' average counts "
        "places outside the outline a fiftieth, so the maximum lies in the outline nearly always, and most of the "
        "outline lies in the true lesion (figures above): the map says little of what the network understands.",
        "Layers, shapes of the networks and their training were chosen while looking at figures of these folds; so "
        "were the weight of the whole picture and of the sureness for lesion or normal: picked for each fold on the "
        "others they give a mean of the folds' areas of 0.873 where the ones chosen give 0.878.",
    )


def _not_better(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The issue asks: the ensemble better than each network alone, or the card says not."""
    found = []
    for name in ("resnet50", "darknet19"):
        one = values["ensemble"]["against"][name]
        if one is None:
            continue
        sure = one["difference_ci"] is not None and one["difference_ci"][0] > 0.0
        how = "better than" if sure else "not proved better than" if one["difference"] > 0 else "not better than"
        ends = "" if one["difference_ci"] is None else " ({:+.3f} to {:+.3f})".format(*one["difference_ci"])
        found.append(f"The ensemble is {how} {READERS[name]} alone: AUC {one['difference']:+.3f}{ends}.")
    return tuple(found)


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{share:.0%}"


def _value(part: Mapping[str, Any], name: str) -> Interval | float | None:
    """With its interval where there is one."""
    value, ends = part.get(name), part.get(f"{name}_ci")
    if value is None or ends is None:
        return value
    return Interval(ends[0], value, ends[1])
