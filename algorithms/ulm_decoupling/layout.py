"""Which part of a picture is the contrast picture.

Scanners show contrast alone, or side by side with the tissue picture. The header then names two regions of which
neither says that it is contrast; what tells them apart is the tint (amber, blue) that scanners give to contrast. Where
nothing tells, the series is refused: a guess would analyse tissue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dicom_node.errors import UnsuitableSeries
from dicom_node.series import RegionFormat, Spacing, UltrasoundRegion, Volume

Side = Literal["auto", "left", "right", "whole"]

TINT_SAMPLE_FRAMES = 4
TINT_BRIGHT = 24  # grey value of 255 from which a pixel has a colour to speak of
TINTED = 0.25  # median saturation of a picture that is shown in amber or blue rather than grey
ENOUGH_BRIGHT = 0.02  # share of bright pixels without which a picture's tint is not known


@dataclass(frozen=True, order=True)
class Part:
    """A rectangle of the picture, in pixels from 0, both ends inside."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def columns(self) -> int:
        """Width in pixels; 0 or less for nothing."""
        return self.x1 - self.x0 + 1

    @property
    def rows(self) -> int:
        """Height in pixels."""
        return self.y1 - self.y0 + 1


def contrast_part(volume: Volume, side: Side) -> tuple[Part, str]:
    """The contrast picture's part of the volume's picture, and how it was chosen, in words.

    Args:
        side: ``left`` or ``right``: that one of two 2-D regions, or that half of the picture where the header does
            not name two. ``auto``: the tinted one of two; with one 2-D region or none, that one or all. ``whole``.

    Raises:
        UnsuitableSeries: two 2-D regions that nothing tells apart, or regions that are not side by side.
    """
    whole = Part(0, 0, volume.columns - 1, volume.rows - 1)
    if side == "whole":
        return whole, "the whole picture was analysed (option contrast_side)"
    parts = sorted({_part_of(region) for region in _two_d_regions(volume)})
    if len(parts) > 1:
        return _one_of(volume, parts, side)
    outer, what = (parts[0], "the one 2-D region") if parts else (whole, "no 2-D region in the header: the picture")
    halves = {which: _half(outer, which, whole) for which in ("left", "right")}
    if side != "auto":
        return halves[side], f"the {side} half was analysed (option contrast_side)"
    tinted = {which: _is_tinted(volume, half) for which, half in halves.items()}
    for which, other in (("left", "right"), ("right", "left")):
        if tinted[which] is True and tinted[other] is False:
            return halves[which], f"only the {which} half of the picture is tinted: that half was analysed"
    return outer, f"{what} was analysed as it is"


def spacing_of(volume: Volume, part: Part) -> Spacing | None:
    """Calibration of a part: that of the 2-D regions it touches, if they agree; else ``None``."""
    touched = {
        region.spacing
        for region in _two_d_regions(volume)
        if not (region.x1 < part.x0 or part.x1 < region.x0 or region.y1 < part.y0 or part.y1 < region.y0)
    }
    return touched.pop() if len(touched) == 1 else None


def _two_d_regions(volume: Volume) -> list[UltrasoundRegion]:
    """Not the stale ones: their bounds are those of some other picture."""
    return [region for region in volume.regions if region.format is RegionFormat.TWO_D and not region.stale]


def _part_of(region: UltrasoundRegion) -> Part:
    return Part(region.x0, region.y0, region.x1, region.y1)


def _one_of(volume: Volume, parts: Sequence[Part], side: Side) -> tuple[Part, str]:
    left, right, *more = parts
    beside = left.x1 < right.x0 and left.y0 <= right.y1 and right.y0 <= left.y1
    if more or not beside:
        raise UnsuitableSeries(
            f"needs one 2-D region, or two side by side; got {len(parts)}"
            f"{'' if more else ' that overlap or lie one above the other'}: set option contrast_side to whole to "
            "analyse the picture undivided"
        )
    how = "option contrast_side"
    if side == "auto":
        tinted = [_is_tinted(volume, part) is True for part in (left, right)]
        if tinted[0] == tinted[1]:
            raise UnsuitableSeries(
                "needs to know which half is the contrast picture: two 2-D regions lie side by side and neither "
                "header nor colours tell; set option contrast_side to left or right"
            )
        side, how = ("left" if tinted[0] else "right"), "by its tint"
    return (left if side == "left" else right), f"of two 2-D regions the {side} one was analysed ({how})"


def _half(outer: Part, side: str, whole: Part) -> Part:
    """The part's half on that side; the picture's, where the part lies on one side of its middle."""
    middle = whole.columns // 2
    if outer.x1 < middle or outer.x0 >= middle:
        if (side == "left") == (outer.x1 < middle):
            return outer
        outer = whole
    else:
        middle = outer.x0 + outer.columns // 2
    if side == "left":
        return Part(outer.x0, outer.y0, middle - 1, outer.y1)
    return Part(middle, outer.y0, outer.x1, outer.y1)


def _is_tinted(volume: Volume, part: Part) -> bool | None:
    """Whether the bright pixels of a few frames are coloured; ``None`` where there are too few of them."""
    if not volume.is_colour:
        return False
    last = len(volume.frames) - 1
    picks = sorted({round(last * i / max(TINT_SAMPLE_FRAMES - 1, 1)) for i in range(TINT_SAMPLE_FRAMES)})
    saturations, seen = [], 0
    for index in picks:
        rgb = volume.pixels.read(index, index + 1)[0, part.y0 : part.y1 + 1, part.x0 : part.x1 + 1]
        top, bottom = rgb.max(axis=-1).astype(float), rgb.min(axis=-1).astype(float)
        bright = top >= TINT_BRIGHT
        seen += bright.size
        saturations.append(((top - bottom) / np.maximum(top, 1))[bright])
    joined = np.concatenate(saturations)
    if len(joined) < ENOUGH_BRIGHT * max(seen, 1):
        return None
    return bool(np.median(joined) > TINTED)
