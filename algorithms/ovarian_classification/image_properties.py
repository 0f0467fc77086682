"""Properties of a picture by which ``evaluate`` splits its figures: what the score might lean on besides the lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.marks import COLOURED_FROM, Unmarked

FLOW_SHARE = 0.005
"""Of the sector: from here on coloured pixels are a Doppler picture."""
MARK_PIXELS = 40
"""Coloured pixels in the sector that are no flow: two calipers."""
CUT_FILL = 0.93
"""Share of its box that the sector fills: a sector with its curved outline fills less, a cut-out from it more."""
PARTS = ("lowest third", "middle third", "highest third")


@dataclass(frozen=True, slots=True)
class Properties:
    """``lesion_share``: of the sector; ``None`` without a mask. ``brightness``: mean grey 0..255 in the sector.
    ``mark_pixels``: coloured pixels in the sector that are no blood flow."""

    blood_flow: bool
    mark_pixels: int
    cut_out: bool
    lesion_share: float | None
    brightness: float

    @property
    def marked(self) -> bool:
        """With calipers, text or other coloured marks on it."""
        return self.mark_pixels >= MARK_PIXELS


def properties_of(rgb: NDArray[np.uint8], plain: Unmarked, mask: NDArray[np.bool_]) -> Properties:
    """Of a picture (rows, columns, 3), the same without marks, and the true mask, which may be empty."""
    area = max(1, np.count_nonzero(plain.sector))
    rows, columns = np.flatnonzero(plain.sector.any(axis=1)), np.flatnonzero(plain.sector.any(axis=0))
    box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1) if rows.size else 1
    return Properties(
        blood_flow=bool(np.count_nonzero(plain.colour & plain.sector) >= FLOW_SHARE * area),
        mark_pixels=int(np.count_nonzero(coloured_marks(rgb, plain) & plain.sector)),
        cut_out=bool(area / box >= CUT_FILL),
        lesion_share=float(np.count_nonzero(mask & plain.sector) / area) if mask.any() else None,
        brightness=float(plain.grey[plain.sector].mean()) if plain.sector.any() else 0.0,
    )


def coloured_marks(rgb: NDArray[np.uint8], plain: Unmarked) -> NDArray[np.bool_]:
    """(rows, columns): coloured pixels that are no blood flow."""
    return (np.ptp(rgb.astype(np.int16), axis=2) >= COLOURED_FROM) & ~plain.colour


def groups_of(properties: Sequence[Properties]) -> dict[str, NDArray[np.bool_]]:
    """Name of a group -> which pictures (n,) are in it. Thirds are those of these pictures."""
    flow = np.array([one.blood_flow for one in properties], bool)
    marked = np.array([one.marked for one in properties], bool)
    cut = np.array([one.cut_out for one in properties], bool)
    found = {
        "with Doppler colour": flow,
        "without Doppler colour": ~flow,
        "with calipers or other coloured marks": marked,
        "without coloured marks": ~marked,
        "cut out of the sector": cut,
        "whole sector with its curved outline": ~cut,
    }
    sizes = np.array([np.nan if one.lesion_share is None else one.lesion_share for one in properties], float)
    found |= {f"size of lesion or ovary: {name}": part for name, part in _thirds(sizes).items()}
    light = np.array([one.brightness for one in properties], float)
    found |= {f"brightness: {name}": part for name, part in _thirds(light).items()}
    return found


def _thirds(values: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    """Nothing where fewer than three values are known."""
    known = values[np.isfinite(values)]
    if len(known) < len(PARTS):
        return {}
    ends = np.quantile(known, [1 / 3, 2 / 3])
    place = np.where(np.isfinite(values), np.searchsorted(ends, values, side="right"), -1)
    return {name: place == number for number, name in enumerate(PARTS)}
