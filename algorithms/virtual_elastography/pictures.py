"""What a reader looks at: B-mode, synthetic elastogram and both blended, side by side, with what they amount to.

That the elastogram is synthetic stands in letters on each panel that shows it, so that no crop or photograph of the
page loses it. There is no scale in physical units: colours go from soft to hard, nothing else is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from algorithms.virtual_elastography.colours import colour_bar, coloured
from algorithms.virtual_elastography.judged import Elastogram, Judged
from algorithms.virtual_elastography.options import Style
from algorithms.virtual_elastography.scheme_choice import ChosenScheme
from algorithms.virtual_elastography.scoring import OUTSIDE
from dicom_node.region import Points

PANEL_PX = 400
MARGIN_PX = 16
HEADER_PX, TITLE_PX, BAND_PX, FOOTER_PX = 44, 24, 28, 108
BAR_PX, BAR_ROOM_PX = 22, 104
ROWS = HEADER_PX + TITLE_PX + PANEL_PX + BAND_PX + FOOTER_PX
COLUMNS = MARGIN_PX + 3 * (PANEL_PX + MARGIN_PX) + BAR_ROOM_PX
BLEND = 0.4
"""Share of the elastogram's colour in the blended picture; the grey picture stays readable through it."""
SHIFT = 4  # fractional bits of a polygon's corners
INK, DIM, WARNING, OUTLINE = (235, 235, 235), (160, 160, 165), (255, 214, 102), (255, 255, 255)
PAPER, PANEL_PAPER = (16, 16, 20), (0, 0, 0)
SYNTHETIC = "SYNTHETIC - NOT A MEASUREMENT"
DRAFT = "Draft: to be confirmed or corrected by a person"

Drawn = NDArray[np.uint8]


@dataclass(frozen=True)
class Pages:
    """A PixelSource: one page for each picture, (pages, rows, columns, 3) uint8, drawn when it is asked for."""

    judged: Sequence[Judged]
    scheme: ChosenScheme
    style: Style

    @property
    def shape(self) -> tuple[int, ...]:
        """All pages have one size."""
        return (len(self.judged), ROWS, COLUMNS, 3)

    @property
    def dtype(self) -> np.dtype:
        """RGB of 8 bits."""
        return np.dtype(np.uint8)

    def read(self, start: int, stop: int) -> Drawn:
        """Pages ``start`` <= i < ``stop``."""
        numbers = range(start, min(stop, len(self.judged)))
        return np.stack([page(self.judged[number], self.scheme, self.style, self._name(number)) for number in numbers])

    def _name(self, number: int) -> str:
        return f"picture {number + 1} of {len(self.judged)}" if len(self.judged) > 1 else ""


def page(judged: Judged, scheme: ChosenScheme, style: Style, name: str = "") -> Drawn:
    """(ROWS, COLUMNS, 3) RGB of one picture."""
    image = Image.new("RGB", (COLUMNS, ROWS), PAPER)
    draw = ImageDraw.Draw(image)
    heading = f"Virtual elastography: {style.replace('_', '-')} style"
    draw.text((MARGIN_PX, 10), heading, INK, _font(22))
    draw.text((COLUMNS - MARGIN_PX, 14), name, DIM, _font(15), anchor="ra")
    for place, (title, panel) in enumerate(_panels(judged)):
        x = MARGIN_PX + place * (PANEL_PX + MARGIN_PX)
        draw.text((x, HEADER_PX), title, DIM, _font(15))
        image.paste(Image.fromarray(panel), (x, HEADER_PX + TITLE_PX))
        if place > 0 and judged.elastogram is not None:
            _band(draw, x)
    if judged.elastogram is not None:
        _draw_bar(image, draw)
    _draw_words(draw, judged, scheme)
    return np.asarray(image, np.uint8)


def _panels(judged: Judged) -> list[tuple[str, Drawn]]:
    left, top, right, bottom = judged.box_px
    picture = judged.picture
    grey = picture.grey[top - picture.y0_px : bottom - picture.y0_px, left - picture.x0_px : right - picture.x0_px]
    b_mode = cv2.cvtColor(np.ascontiguousarray(grey), cv2.COLOR_GRAY2RGB)
    made = judged.elastogram
    if made is None:
        return [
            ("B-mode", _fitted(b_mode)),
            ("synthetic elastogram", _nothing()),
            ("blended", _nothing()),
        ]
    seen = (made.classes[top:bottom, left:right] != OUTSIDE)[..., None]
    colours = np.where(seen, coloured(made.softness), np.uint8(0))
    mixed = cv2.addWeighted(colours, BLEND, b_mode, 1.0 - BLEND, 0.0)
    blended = np.where(seen, mixed, b_mode)
    region = None if made.region_from == "whole_picture" else made.region
    return [
        (title, _fitted(part, region, (left, top)))
        for title, part in (("B-mode", b_mode), ("synthetic elastogram", colours), ("blended", blended))
    ]


def _fitted(part: Drawn, region: Points | None = None, corner: tuple[int, int] = (0, 0)) -> Drawn:
    """A part of the picture in a square panel, its sides in proportion, with the outline of the region."""
    rows, columns = part.shape[:2]
    scale = PANEL_PX / max(rows, columns)
    width, height = max(1, round(columns * scale)), max(1, round(rows * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    x0, y0 = (PANEL_PX - width) // 2, (PANEL_PX - height) // 2
    panel = np.full((PANEL_PX, PANEL_PX, 3), PANEL_PAPER, np.uint8)
    panel[y0 : y0 + height, x0 : x0 + width] = cv2.resize(part, (width, height), interpolation=method)
    if region is not None:
        places = (np.asarray(region) - corner + 0.5) * (width / columns, height / rows) - 0.5 + (x0, y0)
        corners = np.rint(places * (1 << SHIFT)).astype(np.int32)
        cv2.polylines(panel, [corners], True, (0, 0, 0), 4, cv2.LINE_AA, SHIFT)  # seen on bright colours, too
        cv2.polylines(panel, [corners], True, OUTLINE, 2, cv2.LINE_AA, SHIFT)
    return panel


def _nothing() -> Drawn:
    """The panel of a picture of which nothing can be said."""
    image = Image.new("RGB", (PANEL_PX, PANEL_PX), (34, 34, 38))
    draw = ImageDraw.Draw(image)
    draw.text((PANEL_PX / 2, PANEL_PX / 2 - 12), "CANNOT SAY", WARNING, _font(30), anchor="mm")
    draw.text((PANEL_PX / 2, PANEL_PX / 2 + 22), "unlike the training images", DIM, _font(16), anchor="mm")
    return np.asarray(image, np.uint8)


def _band(draw: ImageDraw.ImageDraw, x: int) -> None:
    """The words that no elastogram may lose, at its foot."""
    top = HEADER_PX + TITLE_PX + PANEL_PX
    draw.rectangle((x, top, x + PANEL_PX - 1, top + BAND_PX - 1), fill=PANEL_PAPER)
    draw.text((x + PANEL_PX / 2, top + BAND_PX / 2), SYNTHETIC, WARNING, _font(18), anchor="mm")


def _draw_bar(image: Image.Image, draw: ImageDraw.ImageDraw) -> None:
    x, top = COLUMNS - BAR_ROOM_PX, HEADER_PX + TITLE_PX
    image.paste(Image.fromarray(colour_bar(PANEL_PX, BAR_PX)), (x, top))
    for words, y, anchor in (
        ("soft", top, "la"),
        ("medium", top + PANEL_PX // 2, "lm"),
        ("hard", top + PANEL_PX, "ld"),
    ):
        draw.text((x + BAR_PX + 8, y), words, INK, _font(16), anchor=anchor)


def _draw_words(draw: ImageDraw.ImageDraw, judged: Judged, scheme: ChosenScheme) -> None:
    y = HEADER_PX + TITLE_PX + PANEL_PX + BAND_PX + 10
    for size, colour, words in _words(judged, scheme):
        draw.text((MARGIN_PX, y), words, colour, _font(size))
        y += size + 9


def _words(judged: Judged, scheme: ChosenScheme) -> list[tuple[int, tuple[int, int, int], str]]:
    """(size, colour, line) below the panels."""
    made, found = judged.elastogram, judged.familiarity
    if made is None:
        title = "Cannot say: no elastogram, no score"
        return [(22, WARNING, title), (15, INK, _sentence(found.reason)), (14, WARNING, DRAFT)]
    return [(22, INK, _score_line(made, scheme)), (15, INK, _share_line(made)), (14, WARNING, f"{DRAFT}. {SYNTHETIC}")]


def _score_line(made: Elastogram, scheme: ChosenScheme) -> str:
    if made.score is None:
        return "No region found: no score"
    most = scheme.scheme.values[-1]
    return f"{scheme.scheme.title} {made.score.value} of {most}: {made.score.meaning}"


def _share_line(made: Elastogram) -> str:
    where = "Of the whole picture" if made.region_from == "whole_picture" else "Of the region"
    inside = made.shares.inside
    return f"{where}: soft {inside.soft:.0%}, medium {inside.medium:.0%}, hard {inside.hard:.0%}" + (
        f"; around it: hard {made.shares.around.hard:.0%}" if made.shares.around else ""
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
