"""Finds the left ventricle in every slice and measures it in every frame: finder, five index networks, masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.crop import CROP_PX, back_to_picture, crop, field
from algorithms.lv_quantification.indices import INDEX_NAMES, indices_of
from algorithms.lv_quantification.locate import FOUND_FROM, Candidate, candidates, chained, followed
from dicom_node.algorithm import ModelInfo, Models, Progress, silent
from dicom_node.series import Spacing

NETWORKS = 5
FINDER_FRAMES = 4
"""Frames of a slice that the finder sees, spread over the heartbeat."""
BATCH = 20
MASK_FROM = 0.5
SMALLEST_CAVITY_MM2 = 15.0
RING_FROM = 0.6
"""Share of the cavity's rim that has wall beside it, from which it is a short-axis ventricle."""


@dataclass(frozen=True, eq=False)
class SliceEstimate:
    """One slice. Where ``found`` is False, ``reason`` says why, and masks and numbers are empty (False, nan).

    ``cavity`` and ``myocardium``: (frames, rows, columns) of the whole picture. ``regressed``, ``spread``,
    ``measured``: (frames, 11) in mm2 and mm, in the order of INDEX_NAMES: mean and standard deviation of the index
    networks, and the same indices computed from the masks.
    """

    found: bool
    reason: str
    confidence: float
    centre_px: tuple[float, float] | None
    cavity: NDArray[np.bool_]
    myocardium: NDArray[np.bool_]
    regressed: NDArray[np.float64]
    spread: NDArray[np.float64]
    measured: NDArray[np.float64]


class Estimator:
    """The networks, opened. ``networks``: which of the five to ask (1..5); all of them in the node."""

    def __init__(self, models: Models, networks: Sequence[int] = tuple(range(1, NETWORKS + 1))) -> None:
        self._finders = [models.open(f"finder_{number}") for number in networks]
        self._index_networks = [models.open(f"dla_{number}") for number in networks]

    @property
    def infos(self) -> tuple[ModelInfo, ...]:
        """The models, as results name them."""
        return tuple(model.info for model in (*self._finders, *self._index_networks))

    def estimate(
        self, slices: Sequence[NDArray], spacing: Spacing, anchor_deg: float = 0.0, progress: Progress = silent
    ) -> tuple[SliceEstimate, ...]:
        """One estimate for each slice.

        Args:
            slices: (frames, rows, columns) each, from base to apex.
            spacing: of all of them.
            anchor_deg: rotation of the anatomy against the standard display (indices.py).
        """
        progress(0.0, "finding the left ventricle")
        located = self._located(slices, spacing)
        found = []
        for index, (frames, candidate) in enumerate(zip(slices, located, strict=True)):
            progress(0.1 + 0.9 * index / len(slices), f"measuring slice {index + 1} of {len(slices)}")
            found.append(self._slice(frames, candidate, spacing, anchor_deg))
        return tuple(found)

    def _located(self, slices: Sequence[NDArray], spacing: Spacing) -> list[Candidate | None]:
        """Where to measure in each slice; ``None``: there is nothing to be seen."""
        chain = chained([candidates(self._map(frames, spacing)) for frames in slices])
        return followed([place if place and place.certainty >= FOUND_FROM else None for place in chain])

    def _map(self, frames: NDArray, spacing: Spacing) -> NDArray[np.float32]:
        """(128, 128) mean probability of cavity over some frames and all finders."""
        seen = np.stack([field(frame, spacing)[0] for frame in frames[_spread(len(frames))]])[:, None]
        return np.mean([_sigmoid(model.run({"field": seen})["cavity"]) for model in self._finders], axis=(0, 1, 2))

    def _slice(
        self, frames: NDArray, candidate: Candidate | None, spacing: Spacing, anchor_deg: float
    ) -> SliceEstimate:
        if candidate is None:
            return _nothing(frames, 0.0, "no left ventricle in sight")
        rows, columns = frames.shape[1:]
        centre = (
            (columns - 1) / 2.0 + candidate.x_mm / spacing.column_mm,
            (rows - 1) / 2.0 + candidate.y_mm / spacing.row_mm,
        )
        centre = self._recentred(frames, centre, spacing, anchor_deg)
        regressed, probability, matrix = self._networks(frames, centre, spacing, anchor_deg)
        masks = [_masks(shares, matrix, rows, columns, spacing) for shares in probability]
        cavity, inside = (np.stack(part) for part in zip(*masks, strict=True))
        reason = _unlike_ventricle(cavity, inside, spacing)
        if reason:
            return _nothing(frames, candidate.certainty, reason)
        measured = np.stack(
            [
                indices_of(inner, outer & ~inner, spacing, anchor_deg)
                for inner, outer in zip(cavity, inside, strict=True)
            ]
        )
        return SliceEstimate(
            True,
            "",
            candidate.certainty,
            centre,
            cavity,
            inside & ~cavity,
            regressed.mean(0),
            regressed.std(0),
            measured,
        )

    def _recentred(
        self, frames: NDArray, centre_px: tuple[float, float], spacing: Spacing, anchor_deg: float
    ) -> tuple[float, float]:
        """The cavity's centroid as one index network sees it in a few frames: the finder's grid is coarse."""
        chosen = frames[_spread(len(frames))]
        crops = [crop(frame, centre_px, spacing, anchor_deg) for frame in chosen]
        given = self._index_networks[0].run({"crop": np.stack([picture for picture, _ in crops])[:, None]})
        shares = _sigmoid(given["masks"][:, 0]).mean(axis=0)
        rows, columns = np.nonzero(_one_piece(shares >= 0.5))
        if not len(rows):
            return centre_px
        x, y = crops[0][1] @ (columns.mean(), rows.mean(), 1.0)
        return float(x), float(y)

    def _networks(
        self, frames: NDArray, centre_px: tuple[float, float], spacing: Spacing, anchor_deg: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]]:
        """Indices (networks, frames, 11), mean probabilities (frames, 2, 128, 128), matrix from crop to picture."""
        crops = [crop(frame, centre_px, spacing, anchor_deg) for frame in frames]
        seen = np.stack([picture for picture, _ in crops])[:, None]
        regressed = np.empty((len(self._index_networks), len(frames), len(INDEX_NAMES)))
        probability = np.zeros((len(frames), 2, CROP_PX, CROP_PX), np.float32)
        for number, model in enumerate(self._index_networks):
            for start in range(0, len(frames), BATCH):
                part = slice(start, start + BATCH)
                given = model.run({"crop": seen[part]})
                regressed[number, part] = given["indices"]
                probability[part] += _sigmoid(given["masks"]) / len(self._index_networks)
        return regressed, probability, crops[0][1]


def _spread(count: int) -> NDArray[np.int64]:
    """Some frames spread over the heartbeat."""
    return np.unique(np.linspace(0, count, FINDER_FRAMES, endpoint=False).astype(int))


def _sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    return (1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))).astype(np.float32)


def _masks(
    shares: NDArray[np.float32], matrix: NDArray[np.float64], rows: int, columns: int, spacing: Spacing
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Cavity and all inside the epicardium on the picture, each one piece without holes."""
    cavity = _one_piece(back_to_picture(shares[0], matrix, rows, columns) >= MASK_FROM)
    if np.count_nonzero(cavity) * spacing.row_mm * spacing.column_mm < SMALLEST_CAVITY_MM2:
        empty = np.zeros((rows, columns), bool)
        return empty, empty
    inside = (back_to_picture(shares[1], matrix, rows, columns) >= MASK_FROM) | cavity
    return cavity, _one_piece(inside, cavity)


def _one_piece(mask: NDArray[np.bool_], around: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """The largest connected part, or the one that holds ``around``; holes filled."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return mask
    largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
    chosen = largest if around is None else int(labels[around].max())
    part = (labels == chosen).astype(np.uint8)
    outline, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(part), outline, -1, 1, cv2.FILLED).astype(bool)


def _unlike_ventricle(cavity: NDArray[np.bool_], inside: NDArray[np.bool_], spacing: Spacing) -> str:
    """Why the masks of a slice are no short-axis ventricle; empty if they are one."""
    with_cavity = cavity.any(axis=(1, 2))
    if not with_cavity.any():
        return "no cavity in any frame where the left ventricle would be"
    closed = float(np.median([_closed(cavity[i], inside[i]) for i in np.nonzero(with_cavity)[0]]))
    if closed < RING_FROM:
        return f"the cavity is not ringed by wall ({closed:.0%} of its rim): no short-axis picture of a left ventricle"
    return ""


def _closed(cavity: NDArray[np.bool_], inside: NDArray[np.bool_]) -> float:
    """Share of the cavity's rim that has wall beside it."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    rim = cv2.dilate(cavity.astype(np.uint8), kernel).astype(bool) & ~cavity
    return float(np.count_nonzero(rim & inside) / max(np.count_nonzero(rim), 1))


def _nothing(frames: NDArray, confidence: float, reason: str) -> SliceEstimate:
    empty = np.zeros(frames.shape, bool)
    unknown = np.full((len(frames), len(INDEX_NAMES)), np.nan)
    return SliceEstimate(False, reason, confidence, None, empty, empty, unknown, unknown, unknown)
