"""One picture, judged: familiar or not, its elastogram, its region, its proportions and score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.beam import beam_of
from algorithms.virtual_elastography.bmode import BMode
from algorithms.virtual_elastography.colours import classes_of
from algorithms.virtual_elastography.familiarity import Familiarity
from algorithms.virtual_elastography.generate import Generated
from algorithms.virtual_elastography.options import Options, Style
from algorithms.virtual_elastography.preprocess import Placed, prepared
from algorithms.virtual_elastography.region import found
from algorithms.virtual_elastography.scheme_choice import ChosenScheme
from algorithms.virtual_elastography.scoring import OUTSIDE, Proportions, Score, proportions, score_of
from dicom_node.errors import UnsuitableSeries
from dicom_node.region import Points

RegionFrom = Literal["found", "option", "whole_picture"]


class Networks(Protocol):
    """The networks: generate.Networks, or a test's stand-in."""

    def generate(self, canvas: NDArray[np.float32], style: Style) -> Generated:
        """The elastogram of a prepared picture, and the features that familiarity is judged by."""
        ...

    def lesion(self, canvas: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of a lesion, on the canvas."""
        ...


FamiliarityTest = Callable[[NDArray[np.float32], NDArray[np.float32]], Familiarity]
"""From a canvas and its features to whether the networks know such pictures."""


@dataclass(frozen=True, eq=False)
class Elastogram:
    """What was generated, on the grid of the frame, and what it amounts to.

    Attributes:
        softness: (rows, cols) float32 of the box, 0 hard .. 1 soft.
        classes: (rows, cols) uint8 of the whole frame: scoring.SOFT, MEDIUM, HARD; OUTSIDE beyond the box.
        region: polygon on the frame that the shares hold for.
        region_from: where it comes from; "whole_picture": no region was found, so it is all of the elastogram.
        shares: in and around the region.
        score: ``None`` where no region was found.
    """

    softness: NDArray[np.float32]
    classes: NDArray[np.uint8]
    region: Points
    region_from: RegionFrom
    shares: Proportions
    score: Score | None


@dataclass(frozen=True, eq=False)
class Judged:
    """One picture and what was made of it.

    Attributes:
        picture: the B-mode picture.
        box_px: (x0, y0, x1, y1) on the frame, end exclusive, that the networks saw.
        familiarity: whether it is like what they were trained on.
        elastogram: ``None`` where it is not: nothing can be said.
    """

    picture: BMode
    box_px: tuple[int, int, int, int]
    familiarity: Familiarity
    elastogram: Elastogram | None


def judge(picture: BMode, networks: Networks, test: FamiliarityTest, options: Options, scheme: ChosenScheme) -> Judged:
    """Generates and scores one picture.

    Raises:
        UnsuitableSeries: the region that the options give does not lie on this picture, or it shows too little.
    """
    placed = prepared(picture.grey)
    generated = networks.generate(placed.canvas, options.style)
    softness = np.asarray(placed.to_image(generated.softness), np.float32)
    box = _box(picture, placed)
    familiarity = test(placed.canvas, generated.features)
    if not familiarity.familiar:
        return Judged(picture, box, familiarity, None)
    classes = _classes(picture, softness, box)
    region, region_from, shares = _region(picture, placed, networks, options, classes)
    score = None if region_from == "whole_picture" else score_of(shares, scheme.scheme)
    return Judged(picture, box, familiarity, Elastogram(softness, classes, region, region_from, shares, score))


def _region(
    picture: BMode, placed: Placed, networks: Networks, options: Options, classes: NDArray[np.uint8]
) -> tuple[Points, RegionFrom, Proportions]:
    """The region given, else the one found, else all of the picture; and its shares.

    Raises:
        UnsuitableSeries: the region given does not lie on the elastogram.
    """
    box = _box(picture, placed)
    if options.region:
        shares = proportions(classes, options.region)
        if shares is None:
            raise UnsuitableSeries(
                f"option region needs to lie on the picture, whose columns are {box[0]} to {box[2] - 1} and rows "
                f"{box[1]} to {box[3] - 1} of the image"
            )
        return options.region, "option", shares
    in_part = found(networks.lesion(placed.canvas), placed)
    if in_part is not None:
        points = tuple((x + picture.x0_px, y + picture.y0_px) for x, y in in_part)
        shares = proportions(classes, points)
        if shares is not None:  # else it lies in a corner that the probe did not see
            return points, "found", shares
    whole = _corners(box)
    shares = proportions(classes, whole)
    if shares is None:
        raise UnsuitableSeries("needs a picture in its 2-D region; what the probe saw of it is too small")
    return whole, "whole_picture", shares


def _classes(picture: BMode, softness: NDArray[np.float32], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The classes on the frame; OUTSIDE beyond the box and where the probe saw nothing."""
    left, top = box[0] - picture.x0_px, box[1] - picture.y0_px
    seen = beam_of(picture.grey)[top : top + softness.shape[0], left : left + softness.shape[1]]
    classes = np.full((picture.rows, picture.columns), OUTSIDE, np.uint8)
    classes[box[1] : box[3], box[0] : box[2]] = np.where(seen, classes_of(softness), OUTSIDE)
    return classes


def _box(picture: BMode, placed: Placed) -> tuple[int, int, int, int]:
    """What the networks saw, on the frame."""
    x0, y0, x1, y1 = placed.box_px
    return x0 + picture.x0_px, y0 + picture.y0_px, x1 + picture.x0_px, y1 + picture.y0_px


def _corners(box: tuple[int, int, int, int]) -> Points:
    """The outer corners of all pixels of a box."""
    left, top, right, bottom = (edge - 0.5 for edge in box)
    return (left, top), (right, top), (right, bottom), (left, bottom)
