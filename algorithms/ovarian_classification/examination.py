"""An examination, judged: quality test and networks on every picture, theta of each network and combined, decision."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.operating import Decision, Operating
from algorithms.ovarian_classification.options import Threshold
from algorithms.ovarian_classification.outline import outline_of
from algorithms.ovarian_classification.pictures import Box, LeftOut, PelvicPicture
from algorithms.ovarian_classification.theta import combined, theta
from dicom_node.errors import UnsuitableSeries
from dicom_node.region import Points
from dicom_node.series import FrameRef

NEEDS = "needs at least one pelvic ultrasound image that shows an adnexum or a lesion"
NAMED_AT_MOST = 4
"""Images that an error names for one reason; an examination may have thousands, and a job keeps its error."""
WITHOUT_P = re.compile(r" \(P = [^)]*\)")
ACTIVATION_SIDE_PX = 256
"""Longer side that an activation map is kept at: it is smooth, and an examination may have hundreds."""


class Quality(Protocol):
    """quality.Quality: what a picture shows, and whether it is used."""

    @property
    def probabilities(self) -> Mapping[str, float]: ...
    @property
    def used(self) -> bool: ...
    @property
    def reason(self) -> str: ...


class QualityTest(Protocol):
    """quality.QualityTest, or a test's stand-in."""

    def judge(self, rgb: NDArray[np.uint8]) -> Quality:
        """A picture (rows, columns, 3)."""
        ...


class Classified(Protocol):
    """experts.Classified: what the networks make of a picture."""

    @property
    def p_resnet50(self) -> float: ...
    @property
    def p_darknet19(self) -> float: ...
    @property
    def p_lesion(self) -> float: ...
    @property
    def spread(self) -> float: ...
    @property
    def lesion(self) -> NDArray[np.bool_]: ...
    @property
    def activation(self) -> NDArray[np.float32]: ...


class Experts(Protocol):
    """experts.Experts, or a test's stand-in."""

    def classify(self, rgb: NDArray[np.uint8]) -> Classified:
        """A picture (rows, columns, 3)."""
        ...


@dataclass(frozen=True, eq=False)
class Found:
    """What the networks made of one picture.

    Attributes:
        p_resnet50, p_darknet19: P(cancer), not calibrated, 0..1.
        p_lesion: that it shows a lesion of any kind, 0..1.
        is_lesion: whether what was outlined is called a lesion; else it is an ovary.
        spread: standard deviation of P(cancer) over the networks of the folds, mean of both kinds.
        packed_mask: the mask with eight pixels in a byte, row by row: an examination may have hundreds.
        shape_px: (rows, columns) of it.
        outline: of the mask, on the frame; ``None`` where there is none.
        activation: uint8, 0..255, the class activation map for cancer over the picture, at a smaller size.
    """

    p_resnet50: float
    p_darknet19: float
    p_lesion: float
    is_lesion: bool
    spread: float
    packed_mask: NDArray[np.uint8]
    shape_px: tuple[int, int]
    outline: Points | None
    activation: NDArray[np.uint8]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(rows, columns) of the picture: the lesion, or the ovary; may be empty."""
        rows, columns = self.shape_px
        return np.unpackbits(self.packed_mask, count=rows * columns).reshape(rows, columns).astype(np.bool_)


@dataclass(frozen=True, eq=False)
class Image:
    """One image of the examination: used (then it was classified) or dropped, each with its reason.

    ``picture`` is ``None`` where it holds none; ``quality`` where the quality network has not seen it.
    """

    ref: FrameRef
    reason: str
    box_px: Box | None = None
    picture: PelvicPicture | None = None
    quality: Mapping[str, float] | None = None
    found: Found | None = None

    @property
    def used(self) -> bool:
        """Whether it counts in theta."""
        return self.found is not None


@dataclass(frozen=True, eq=False)
class Examination:
    """All images of an examination and what they amount to. ``rule``: how theta decided."""

    images: tuple[Image, ...]
    theta_resnet50: float
    theta_darknet19: float
    theta: float
    probability: float
    decision: Decision
    operating: Operating
    rule: Threshold

    @property
    def used(self) -> tuple[Image, ...]:
        """Those that count, in order."""
        return tuple(image for image in self.images if image.used)

    @property
    def dropped(self) -> tuple[Image, ...]:
        """The others."""
        return tuple(image for image in self.images if not image.used)


@dataclass(frozen=True)
class Judges:
    """What judges images: the quality network, the classifying networks, and where theta decides."""

    quality: QualityTest
    experts: Experts
    operating: Operating


def examine(
    pictures: Sequence[PelvicPicture | LeftOut], judges: Judges, rule: Threshold, seen: Callable[[int], None]
) -> Examination:
    """Judges every picture of an examination.

    Args:
        seen: told the number of pictures judged so far.

    Raises:
        UnsuitableSeries: no image is left; the text has the reason of each.
    """
    images = []
    for number, picture in enumerate(pictures):
        seen(number)
        images.append(_judge(picture, judges))
    used = [image.found for image in images if image.found is not None]
    if not used:
        raise UnsuitableSeries(_nothing_left(images))
    operating = judges.operating
    theta_resnet50 = theta([one.p_resnet50 for one in used])
    theta_darknet19 = theta([one.p_darknet19 for one in used])
    score = combined(theta_resnet50, theta_darknet19, operating.weight_resnet50)
    return Examination(
        images=tuple(images),
        theta_resnet50=theta_resnet50,
        theta_darknet19=theta_darknet19,
        theta=score,
        probability=operating.probability(score),
        decision=decided(operating, score, rule),
        operating=operating,
        rule=rule,
    )


def thresholds(operating: Operating, rule: Threshold) -> tuple[float, float]:
    """(low, high): below low not malignant, from high on malignant, between them no decision. One threshold: equal."""
    if rule == "band":
        return operating.abstain_low, operating.abstain_high
    single = operating.threshold_sensitivity if rule == "sensitivity_95" else operating.threshold_youden
    return single, single


def decided(operating: Operating, score: float, rule: Threshold) -> Decision:
    """What a combined theta means by that rule."""
    if rule == "band":
        return operating.decision(score)
    return "malignant" if score >= thresholds(operating, rule)[0] else "not_malignant"


def _judge(picture: PelvicPicture | LeftOut, judges: Judges) -> Image:
    if isinstance(picture, LeftOut):
        return Image(picture.ref, picture.reason)
    rgb = picture.rgb
    quality = judges.quality.judge(rgb)
    told = {label: float(value) for label, value in quality.probabilities.items()}
    found = _found(judges.experts.classify(rgb), picture.box_px, judges.operating) if quality.used else None
    return Image(picture.ref, quality.reason, picture.box_px, picture, told, found)


def _found(classified: Classified, box: Box, operating: Operating) -> Found:
    mask = np.asarray(classified.lesion, np.bool_)
    return Found(
        p_resnet50=float(classified.p_resnet50),
        p_darknet19=float(classified.p_darknet19),
        p_lesion=float(classified.p_lesion),
        is_lesion=bool(classified.p_lesion >= operating.lesion_from),
        spread=float(classified.spread),
        packed_mask=np.packbits(mask),
        shape_px=(mask.shape[0], mask.shape[1]),
        outline=outline_of(mask, box[:2]),
        activation=_kept_small(classified.activation),
    )


def _kept_small(activation: NDArray[np.float32]) -> NDArray[np.uint8]:
    rows, columns = activation.shape
    scale = min(1.0, ACTIVATION_SIDE_PX / max(rows, columns))
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    values = cv2.resize(np.asarray(activation, np.float32), size, interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _nothing_left(images: Sequence[Image]) -> str:
    """What is needed, and the reasons, each once, with the images that it holds for: of many the first few."""
    reasons: dict[str, dict[str, str]] = {}
    for image in images:
        reasons.setdefault(WITHOUT_P.sub("", image.reason), {})[_name(image.ref)] = image.reason
    told = "; ".join(
        f"{_few(tuple(names))}: {reason if len(names) > 1 else next(iter(names.values()))}"
        for reason, names in reasons.items()
    )
    return f"{NEEDS}; none of {len(images)} can be used. {told}"


def _few(names: Sequence[str]) -> str:
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _name(ref: FrameRef) -> str:
    return f"instance {ref.sop_instance_uid}" + (f" frame {ref.frame_number}" if ref.frame_number else "")
