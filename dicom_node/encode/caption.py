"""Sentences drawn on a strip below a picture, so that they cannot be separated from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_FONT_PX = 13
_LINE_PX = 17
_MARGIN_PX = 4
_NARROWEST_PX = 200  # the longest words fit
_PAPER = (0, 0, 0)
_INK = (255, 214, 102)


@dataclass(frozen=True, slots=True)
class Caption:
    """A strip of (rows, columns, 3) uint8; of no rows where there is nothing to say."""

    strip: NDArray[np.uint8]

    @property
    def rows(self) -> int:
        """Rows that it adds to a picture."""
        return self.strip.shape[0]

    @property
    def columns(self) -> int:
        """Columns of a picture with it: those of the picture, or more where it is too narrow for words."""
        return self.strip.shape[1]

    @classmethod
    def of(cls, sentences: tuple[str, ...], columns: int) -> Caption:
        """Draws the sentences, each on its own lines, wrapped to the width of the picture."""
        if not sentences:
            return cls(np.zeros((0, columns, 3), np.uint8))
        columns = max(columns, _NARROWEST_PX)
        font = ImageFont.load_default(size=_FONT_PX)
        lines = [line for sentence in sentences for line in wrap(sentence, font, columns - 2 * _MARGIN_PX)]
        strip = Image.new("RGB", (columns, len(lines) * _LINE_PX + 2 * _MARGIN_PX), _PAPER)
        draw = ImageDraw.Draw(strip)
        for number, line in enumerate(lines):
            draw.text((_MARGIN_PX, _MARGIN_PX + number * _LINE_PX), line, fill=_INK, font=font)
        return cls(np.asarray(strip, np.uint8))

    def below(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Frames (frames, rows, columns, 3) with the strip below each; narrow ones get paper on their right."""
        if not self.rows:
            return frames
        frames = np.pad(frames, ((0, 0), (0, 0), (0, self.columns - frames.shape[2]), (0, 0)))
        strips = np.broadcast_to(self.strip, (frames.shape[0], *self.strip.shape))
        return np.concatenate([frames, strips], axis=1)


def wrap(sentence: str, font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    """Breaks a sentence into lines of at most ``width_px``; a word that is longer stands alone."""
    lines: list[str] = []
    for word in sentence.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
