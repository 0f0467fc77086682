"""The pages that list the images that were not used, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image as Bitmap
from PIL import ImageDraw

from algorithms.ovarian_classification.examination import Image
from algorithms.ovarian_classification.paper import COLUMNS, DIM, HEADER_PX, INK, MARGIN_PX, ROWS, fitted, font, wrapped

TOP_PX = HEADER_PX + 32
FOOT_PX = 32
SHOWN_PER_PAGE = 8
LISTED_PER_PAGE = 10
ACROSS = 2
THUMB_PX = (200, 150)  # width, height
MOST_LINES = 7
CUT = "... (the report has all of it)"


def per_page(shown: bool) -> int:
    """How many images a page has."""
    return SHOWN_PER_PAGE if shown else LISTED_PER_PAGE


def draw_dropped(
    bitmap: Bitmap.Image, draw: ImageDraw.ImageDraw, images: Sequence[tuple[int, Image]], total: int, shown: bool
) -> None:
    """Images with their numbers in the examination, of ``total`` that were not used; small pictures if ``shown``."""
    draw.text((MARGIN_PX, HEADER_PX), f"Images that were not used: {total}", INK, font(18))
    across = ACROSS if shown else 1
    wide = (COLUMNS - MARGIN_PX) // across
    high = (ROWS - TOP_PX - FOOT_PX) // (per_page(shown) // across)
    for place, (number, image) in enumerate(images):
        x, y = MARGIN_PX + (place % across) * wide, TOP_PX + (place // across) * high
        indent = 0
        if shown:
            indent = THUMB_PX[0] + 10
            if image.picture is not None:
                bitmap.paste(Bitmap.fromarray(fitted(image.picture.rgb, *THUMB_PX)), (x, y))
            else:
                draw.rectangle((x, y, x + THUMB_PX[0], y + THUMB_PX[1]), outline=DIM)
                draw.text((x + THUMB_PX[0] / 2, y + THUMB_PX[1] / 2), "not looked at", DIM, font(14), anchor="mm")
        _draw_words(draw, number, image, (x + indent, y), wide - indent - MARGIN_PX)


def _draw_words(draw: ImageDraw.ImageDraw, number: int, image: Image, corner: tuple[int, int], width_px: int) -> None:
    x, y = corner
    frame = f", frame {image.ref.frame_number}" if image.ref.frame_number else ""
    lines = [(INK, line) for line in wrapped(f"image {number}: {image.reason}", 15, width_px)]
    lines += [(DIM, line) for line in wrapped(f"{image.ref.sop_instance_uid}{frame}", 13, width_px)]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], (DIM, CUT)]
    for colour, line in lines:
        draw.text((x, y), line, colour, font(15 if colour == INK else 13))
        y += 19
