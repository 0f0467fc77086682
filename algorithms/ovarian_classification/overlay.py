"""What a reader looks at: a page for each image used, with its activation map, and pages of what was not used.

Left the picture with the outline, right the class activation map of ResNet-50 for cancer blended over it. That it is
for research, and which class the map is for, stands on every page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Bitmap
from PIL import ImageDraw

from algorithms.ovarian_classification.concepts import DECISIONS, QUALITY_WORDS
from algorithms.ovarian_classification.examination import Examination, Found, Image, thresholds
from algorithms.ovarian_classification.page_of_dropped import draw_dropped, per_page
from algorithms.ovarian_classification.paper import (
    COLUMNS,
    DIM,
    HEADER_PX,
    INK,
    MARGIN_PX,
    PAPER,
    ROWS,
    WARNING,
    Drawn,
    fitted,
    font,
    wrapped,
)

PANEL_PX = 500
PAGES_AT_MOST = 300
"""Of the images used, and of those not used: a page is 2.6 MB, and one object may hold 4 GB. Those with the highest
P(cancer) have theirs; the report has all."""
BAR_PX = 20
BLEND = 0.65
"""Share of the map's colour where it is highest; where it is 0 the grey picture shows alone."""
GREY = 90  # under the colours of the bar
LESION_INK, OVARY_INK = (60, 220, 255), (120, 235, 120)
RESEARCH = "Research use: no diagnosis."
MAP_CLASS = (
    'Activation map of ResNet-50 for the class "cancer" (average over the outlined lesion): how much each place '
    "bears on its answer, for cancer or against it. No outline of disease."
)


@dataclass(frozen=True)
class Pages:
    """A PixelSource: (pages, rows, columns, 3) uint8, each drawn when it is asked for."""

    examination: Examination
    show_dropped: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """All pages have one size."""
        return (len(self._used) + len(self._dropped), ROWS, COLUMNS, 3)

    @property
    def dtype(self) -> np.dtype:
        """RGB of 8 bits."""
        return np.dtype(np.uint8)

    def read(self, start: int, stop: int) -> Drawn:
        """Pages ``start`` <= i < ``stop``."""
        return np.stack([self._page(number) for number in range(start, min(stop, self.shape[0]))])

    @property
    def _used(self) -> list[tuple[int, Image]]:
        """The images used that have a page, with their numbers, in order."""
        used = [(number, image) for number, image in _numbered(self.examination) if image.found is not None]
        highest = sorted(used, key=lambda one: _cancer(one[1]), reverse=True)[:PAGES_AT_MOST]
        return sorted(highest, key=lambda one: one[0])

    @property
    def _dropped(self) -> list[list[tuple[int, Image]]]:
        """The images that were not used, with their numbers, page by page."""
        images = [(number, image) for number, image in _numbered(self.examination) if not image.used]
        step = per_page(self.show_dropped)
        return [images[first : first + step] for first in range(0, len(images), step)][:PAGES_AT_MOST]

    def _page(self, number: int) -> Drawn:
        used = self._used
        bitmap = Bitmap.new("RGB", (COLUMNS, ROWS), PAPER)
        draw = ImageDraw.Draw(bitmap)
        draw.text((MARGIN_PX, 10), "Ovarian classification", INK, font(22))
        page = f"page {number + 1} of {self.shape[0]}"
        if number < len(used):
            place, image = used[number]
            page = f"image {place} of {len(self.examination.images)}, {page}"
            _draw_used(bitmap, draw, image, self.examination)
        else:
            draw_dropped(
                bitmap, draw, self._dropped[number - len(used)], len(self.examination.dropped), self.show_dropped
            )
        draw.text((COLUMNS - MARGIN_PX, 14), page, DIM, font(15), anchor="ra")
        draw.text((MARGIN_PX, ROWS - 24), RESEARCH, WARNING, font(14))
        return np.asarray(bitmap, np.uint8)


def _cancer(image: Image) -> float:
    assert image.found is not None
    return image.found.p_resnet50 + image.found.p_darknet19


def _numbered(examination: Examination) -> list[tuple[int, Image]]:
    return list(enumerate(examination.images, start=1))


def _draw_used(bitmap: Bitmap.Image, draw: ImageDraw.ImageDraw, image: Image, examination: Examination) -> None:
    assert image.picture is not None
    assert image.found is not None
    rgb, found = image.picture.rgb, image.found
    what = "lesion" if found.is_lesion else "ovary"
    outlined = f"picture, {what} outlined" if found.packed_mask.any() else "picture; nothing was outlined"
    for place, (title, shown) in enumerate(
        ((outlined, rgb), ('activation map, class "cancer", blended', blended(rgb, found)))
    ):
        x = MARGIN_PX + place * (PANEL_PX + MARGIN_PX)
        draw.text((x, HEADER_PX), title, DIM, font(15))
        panel = fitted(shown, PANEL_PX, PANEL_PX, _drawer(found))
        bitmap.paste(Bitmap.fromarray(panel), (x, HEADER_PX + 24))
    _draw_bar(bitmap, draw)
    y = HEADER_PX + 24 + PANEL_PX + 10
    for size, colour, words in _words(image, found, examination):
        for line in wrapped(words, size, COLUMNS - 2 * MARGIN_PX):
            draw.text((MARGIN_PX, y), line, colour, font(size))
            y += size + 6


def blended(rgb: Drawn, found: Found) -> Drawn:
    """The picture in grey with the map in colour, the more of it the higher the map is."""
    rows, columns = rgb.shape[:2]
    heat = cv2.resize(found.activation, (columns, rows), interpolation=cv2.INTER_LINEAR)
    colours = _coloured(heat).astype(np.float32)
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.float32)
    share = (BLEND * heat.astype(np.float32) / 255)[..., None]
    return np.rint((1 - share) * grey + share * colours).astype(np.uint8)


def _coloured(values: NDArray[np.uint8]) -> Drawn:
    """From black through red to pale yellow: the higher the brighter, as fluid is black."""
    return cv2.cvtColor(cv2.applyColorMap(values, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)


@dataclass(frozen=True)
class _Outliner:
    """Draws the outlines of all pieces of a mask on a panel that the picture was scaled to."""

    mask: NDArray[np.bool_]
    colour: tuple[int, int, int]

    def __call__(self, panel: Drawn) -> Drawn:
        rows, columns = panel.shape[:2]
        scaled = cv2.resize(self.mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR) >= 0.5
        contours, _ = cv2.findContours(scaled.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        panel = np.ascontiguousarray(panel)
        cv2.drawContours(panel, contours, -1, (0, 0, 0), 4, cv2.LINE_AA)  # seen on bright colours, too
        cv2.drawContours(panel, contours, -1, self.colour, 2, cv2.LINE_AA)
        return panel


def _drawer(found: Found) -> _Outliner:
    return _Outliner(found.mask, LESION_INK if found.is_lesion else OVARY_INK)


def _draw_bar(bitmap: Bitmap.Image, draw: ImageDraw.ImageDraw) -> None:
    x, top = MARGIN_PX + 2 * (PANEL_PX + MARGIN_PX), HEADER_PX + 24
    bitmap.paste(Bitmap.fromarray(_bar()), (x, top))
    for words, y, anchor in (
        ("highest", top, "la"),
        ("half", top + PANEL_PX // 2, "lm"),
        ("none", top + PANEL_PX, "ld"),
    ):
        draw.text((x + BAR_PX + 8, y), words, INK, font(15), anchor=anchor)


@lru_cache(maxsize=1)
def _bar() -> Drawn:
    """Blended over mid grey, as the map is over the picture."""
    heat = np.repeat(np.linspace(255, 0, PANEL_PX).astype(np.uint8)[:, None], BAR_PX, axis=1)
    share = (BLEND * heat.astype(np.float32) / 255)[..., None]
    return np.rint((1 - share) * GREY + share * _coloured(heat)).astype(np.uint8)


def _words(image: Image, found: Found, examination: Examination) -> Sequence[tuple[int, tuple[int, int, int], str]]:
    """(size, colour, text) below the panels."""
    quality = ", ".join(f"{QUALITY_WORDS[label]} {value:.2f}" for label, value in (image.quality or {}).items())
    answer = (
        f"This image: P(cancer) {found.p_resnet50:.2f} by ResNet-50, {found.p_darknet19:.2f} by Darknet-19 (spread "
        f"over their folds {found.spread:.2f}); P(lesion) {found.p_lesion:.2f}"
    )
    return (
        (18, INK, answer),
        (14, DIM, f"Quality network: {quality}"),
        (18, INK, examination_line(examination)),
        (14, DIM, threshold_line(examination)),
        (14, WARNING, MAP_CLASS),
    )


def examination_line(examination: Examination) -> str:
    """Theta, probability and decision in one sentence."""
    used, dropped = len(examination.used), len(examination.dropped)
    return (
        f"Examination, {used} image{'s' if used > 1 else ''} used, {dropped} not: theta {examination.theta:.3f} "
        f"(ResNet-50 {examination.theta_resnet50:.3f}, Darknet-19 {examination.theta_darknet19:.3f}), calibrated "
        f"probability {examination.probability:.0%}. {DECISIONS[examination.decision].meaning}."
    )


def threshold_line(examination: Examination) -> str:
    """By which thresholds it was decided, and what they rest on."""
    low, high = thresholds(examination.operating, examination.rule)
    between = f", from {low:.3f} to there no decision" if low < high else ""
    return (
        f"Theta from {high:.3f} on counts as malignant{between}. Thresholds and probability rest on "
        f"{examination.operating.rests_on}; the score on the images alone."
    )
