"""Fonts of the PDF, all embedded, and what they can draw: no character ever becomes an empty box.

Shipped (package ``pymupdf-fonts``, SIL Open Font License): FiraGO draws Latin with Vietnamese, Greek, Cyrillic,
Arabic, Hebrew, Devanagari, Thai and Georgian; Noto Sans more of the Latin, Greek and Cyrillic letters. For Chinese,
Japanese, Korean and all else a site names font files. A character that no font has is written as its Unicode number,
"[U+738B]", and the document says so: nothing is lost, and nobody takes a box for a name.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError
from pymupdf_fonts import fontbuffers

from dicom_node.errors import InvalidResult

REGULAR, BOLD, MORE = "figo", "figbo", "notos"
_BREAKS = frozenset("\n\r\t")
_UNDRAWN = "[U+{:04X}]"

# It tells on every document that hints of its makers' tools are left out of the subset
logging.getLogger("fontTools.subset").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class FontFiles:
    """Where the fonts of one document lie: the two faces of its text, and what stands in, in order."""

    regular: Path
    bold: Path
    others: tuple[Path, ...]
    drawn: frozenset[int]

    @classmethod
    def of(cls, extra: Sequence[Path], folder: Path) -> FontFiles:
        """Writes the shipped fonts into ``folder``; ``extra`` are the site's own.

        Raises:
            InvalidResult: a font of the site cannot be read.
        """
        shipped = {}
        for name in (REGULAR, BOLD, MORE):
            shipped[name] = folder / f"{name}.ttf"
            shipped[name].write_bytes(_shipped(name))
        both = _characters_of(REGULAR) & _characters_of(BOLD)
        drawn = both.union(_characters_of(MORE), *(_characters_in(str(path)) for path in extra))
        return cls(shipped[REGULAR], shipped[BOLD], (shipped[MORE], *extra), frozenset(drawn))

    def drawable(self, text: str) -> str:
        """``text`` with what no font draws as Unicode numbers, and without control characters."""
        composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
        return "".join(self._drawable(character) for character in composed)

    def _drawable(self, character: str) -> str:
        if character in _BREAKS:
            return " " if character == "\t" else "\n"
        if unicodedata.category(character) in ("Cc", "Cs"):
            return ""
        # Format characters (direction, joiners) are drawn as nothing, and the shaping wants them
        if ord(character) in self.drawn or unicodedata.category(character) == "Cf":
            return character
        return _UNDRAWN.format(ord(character))


def has_undrawn(text: str) -> bool:
    """Whether a drawable text holds the number of a character that no font has."""
    return re.search(r"\[U\+[0-9A-F]{4,6}\]", text) is not None


@lru_cache(maxsize=4)
def _shipped(name: str) -> bytes:
    return bytes(fontbuffers[name]())


@lru_cache(maxsize=4)
def _characters_of(name: str) -> frozenset[int]:
    with TTFont(BytesIO(_shipped(name)), lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(maxsize=16)
def _characters_in(path: str) -> frozenset[int]:
    try:
        with TTFont(BytesIO(Path(path).read_bytes()), lazy=True, fontNumber=0) as font:
            return frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError) as error:
        raise InvalidResult(
            f"font {Path(path).name} cannot be read ({type(error).__name__}): the PDF of a verified report needs "
            "every font that the configuration names; correct its path"
        ) from error
