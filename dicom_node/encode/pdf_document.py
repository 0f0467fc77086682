"""Pages of A4 with this project's look: headings, fields, tables and pictures with lines over them (fpdf2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace
from PIL import Image

from dicom_node.encode.pdf_fonts import FontFiles, has_undrawn
from dicom_node.encode.pdf_pictures import Drawing, Shown
from dicom_node.result import Shape

_MARGIN_MM = 15.0
_FOOT_MM = 16.0
_GAP_MM = 4.0
_TALLEST_MM = 70.0
_WIDE = 1.7  # columns over rows, beyond which a picture gets a row of its own
_LARGEST_PX = 1600
_PAPER = (255, 255, 255)
_INK, _QUIET, _ACCENT, _RULE = (24, 28, 36), (98, 106, 120), (16, 78, 139), (196, 203, 214)
_PANEL, _CHANGED, _WARNING, _WARNING_EDGE = (243, 246, 250), (255, 244, 209), (255, 240, 199), (201, 134, 0)
_CONFIRMED_LINE, _DRAFTED_LINE = (255, 214, 10), (90, 200, 250)


class Document(FPDF):
    """Everything that is written goes through ``drawable``: see pdf_fonts.py."""

    def __init__(self, fonts: FontFiles, moment: datetime, running_head: tuple[str, str], foot: str) -> None:
        """``running_head``: left and right words on top of every page but the first; ``foot``: below each page."""
        super().__init__(format="A4")
        self._fonts = fonts
        self.undrawn = False
        self._running_head = tuple(self.drawable(words) for words in running_head)
        self._foot = self.drawable(foot)
        self.set_creation_date(moment)
        self.set_lang("en")
        self.add_font("text", "", fonts.regular)
        self.add_font("text", "B", fonts.bold)
        for number, path in enumerate(fonts.others):
            self.add_font(f"other{number}", "", path)
        self.set_fallback_fonts([f"other{number}" for number in range(len(fonts.others))], exact_match=False)
        self.set_text_shaping(True)
        self.set_margins(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
        self.c_margin = 0.0
        self.set_auto_page_break(True, _FOOT_MM)
        self.set_image_filter("FlateDecode")
        self.add_page()

    def drawable(self, text: str) -> str:
        """``text`` as the fonts can draw it; ``undrawn`` tells from then on if they could not draw all."""
        drawable = self._fonts.drawable(text)
        self.undrawn |= has_undrawn(drawable)
        return drawable

    def header(self) -> None:
        """The running head of fpdf2."""
        if self.page_no() == 1:
            return
        left, right = self._running_head
        self._face(8, colour=_QUIET)
        self.cell(self.epw * 0.62, 5, left)
        self.cell(0, 5, right, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._rule()
        self.ln(3)

    def footer(self) -> None:
        """The foot of fpdf2: words, and the page's number among all."""
        self.set_y(-_FOOT_MM + 5)
        self._face(7, colour=_QUIET)
        self.cell(self.epw * 0.85, 4, self._foot)
        self.set_text_shaping(False)  # fpdf2 cannot shape the sign that stands for the number of pages
        number = f"Page {self.page_no()} of"
        self.set_x(self.w - self.r_margin - self.get_string_width(f"{number} 88"))
        self.cell(0, 4, f"{number} {{nb}}")
        self.set_text_shaping(True)

    def first_head(self, words: str, below: str, aside: str) -> None:
        """The head of the first page."""
        self._face(17, bold=True, colour=_ACCENT)
        self.multi_cell(0, 8, self.drawable(words), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._face(10, colour=_QUIET)
        self.cell(self.epw * 0.5, 6, self.drawable(below))
        self.cell(0, 6, self.drawable(aside), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._rule()
        self.ln(3)

    def heading(self, words: str) -> None:
        """A heading that stays with what follows."""
        if self.will_page_break(24):
            self.add_page()
        self.ln(3)
        self._face(11, bold=True, colour=_ACCENT)
        self.cell(0, 7, self.drawable(words), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def warning(self, sentences: Iterable[str]) -> None:
        """A framed field that nobody overlooks."""
        self._panel(sentences, 10, True, _WARNING, _WARNING_EDGE)

    def panel(self, sentences: Iterable[str], size_pt: float = 10.5) -> None:
        """A field for what matters most."""
        self._panel(sentences, size_pt, False, _PANEL, _RULE)

    def sentences(self, sentences: Iterable[str], size_pt: float = 9) -> None:
        """One a paragraph."""
        self._face(size_pt)
        for words in sentences:
            self.multi_cell(
                0, size_pt * 0.5, self.drawable(words), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT, padding=(0.6, 0)
            )

    def fields(self, fields: Sequence[tuple[str, str]]) -> None:
        """Names and values, two pairs a line."""
        self._face(9)
        name = FontFace(color=_QUIET)
        rows = [fields[index : index + 2] for index in range(0, len(fields), 2)]
        with self.table(
            col_widths=(26, 64, 30, 60),
            borders_layout=TableBordersLayout.NONE,
            first_row_as_headings=False,
            line_height=4.6,
            padding=(0.4, 1, 0.4, 0),
            text_align="LEFT",
            v_align="TOP",
        ) as table:
            for pairs in rows:
                row = table.row()
                for label, value in pairs:
                    row.cell(self.drawable(label), style=name)
                    row.cell(self.drawable(value))
                for _ in range(2 - len(pairs)):
                    row.cell("", colspan=2)

    def comparison(self, titles: Sequence[str], rows: Iterable[tuple[str, Sequence[str], bool]]) -> None:
        """A table of (group, cells, changed): a line for every new group, changed rows marked."""
        self._face(9)
        self._line(_RULE, 0.15)
        plain_style = FontFace(fill_color=_PAPER)
        group_style = FontFace(emphasis="BOLD", fill_color=_PANEL)
        changed_style = FontFace(emphasis="BOLD", fill_color=_CHANGED)
        with self.table(
            col_widths=(96, 42, 42),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", color=_ACCENT, fill_color=_PAPER),
            line_height=4.6,
            padding=(0.8, 1),
            text_align=("LEFT", "RIGHT", "RIGHT"),
            v_align="TOP",
        ) as table:
            heading = table.row()
            for words in titles:
                heading.cell(self.drawable(words))
            before = None
            for group, cells, changed in rows:
                if group != before:
                    table.row().cell(self.drawable(group), colspan=len(titles), style=group_style, align="LEFT")
                    before = group
                row = table.row()
                for words in cells:
                    row.cell(self.drawable(words), style=changed_style if changed else plain_style)

    def pictures(self, pictures: Sequence[Shown]) -> None:
        """Two a line; wide ones alone."""
        waiting: list[Shown] = []
        for picture in pictures:
            if _aspect(picture) > _WIDE:
                self._line_of(waiting)
                self._line_of([picture])
                waiting = []
                continue
            waiting.append(picture)
            if len(waiting) == 2:
                self._line_of(waiting)
                waiting = []
        self._line_of(waiting)

    def _line_of(self, pictures: Sequence[Shown]) -> None:
        if not pictures:
            return
        alone = len(pictures) == 1 and _aspect(pictures[0]) > _WIDE
        room_mm = self.epw if alone else (self.epw - _GAP_MM) / 2
        widths = [min(room_mm, _TALLEST_MM * _aspect(picture)) for picture in pictures]
        heights = [width / _aspect(picture) for width, picture in zip(widths, pictures, strict=True)]
        self._face(8, colour=_QUIET)
        captions = [self.drawable(picture.caption) for picture in pictures]
        lines = [len(self.multi_cell(room_mm, 3.8, words, dry_run=True, output="LINES")) for words in captions]
        if self.will_page_break(max(heights) + 3.8 * max(lines) + 3):
            self.add_page()
        top, left = self.get_y() + 1, self.l_margin
        for picture, caption, width, height in zip(pictures, captions, widths, heights, strict=True):
            self._place(picture, left, top, width, height)
            self._face(8, colour=_QUIET)
            self.set_xy(left, top + max(heights) + 1)
            self.multi_cell(room_mm, 3.8, caption, align="L")
            left += room_mm + _GAP_MM
        self.set_xy(self.l_margin, top + max(heights) + 3.8 * max(lines) + 2)

    def _place(self, picture: Shown, left: float, top: float, width: float, height: float) -> None:
        rows, columns = picture.pixels.shape[:2]
        image = Image.fromarray(np.ascontiguousarray(picture.pixels))
        if max(image.size) > _LARGEST_PX:
            image.thumbnail((_LARGEST_PX, _LARGEST_PX))
        self.image(image, left, top, width, height, alt_text=picture.caption)
        for drawing in picture.drawings:
            points = [(left + (x + 0.5) / columns * width, top + (y + 0.5) / rows * height) for x, y in drawing.points]
            self._draw(drawing, points)

    def _draw(self, drawing: Drawing, points: list[tuple[float, float]]) -> None:
        self._line(_DRAFTED_LINE if drawing.drafted else _CONFIRMED_LINE, 0.35)
        if drawing.drafted:
            self.set_dash_pattern(dash=1.2, gap=0.8)
        if drawing.shape is Shape.POLYGON:
            self.polygon(points, style="D")
        elif drawing.shape is Shape.POLYLINE:
            self.polyline(points)
        else:
            for x, y in points:
                self.line(x - 1.2, y, x + 1.2, y)
                self.line(x, y - 1.2, x, y + 1.2)
        self.set_dash_pattern()

    def _panel(
        self, sentences: Iterable[str], size_pt: float, bold: bool, fill: tuple[int, ...], edge: tuple[int, ...]
    ) -> None:
        words = "\n".join(self.drawable(one) for one in sentences)
        self._face(size_pt, bold=bold)
        self.set_fill_color(*fill)
        self._line(edge, 0.3)
        line_mm = size_pt * 0.5
        self.multi_cell(
            0, line_mm, words, border=1, fill=True, align="L", padding=2, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.ln(1.5)

    def _face(self, size_pt: float, bold: bool = False, colour: tuple[int, int, int] = _INK) -> None:
        self.set_font("text", "B" if bold else "", size_pt)
        self.set_text_color(*colour)

    def _line(self, colour: tuple[int, ...], width_mm: float) -> None:
        self.set_draw_color(*colour)
        self.set_line_width(width_mm)

    def _rule(self) -> None:
        self._line(_RULE, 0.3)
        self.line(self.l_margin, self.get_y() + 0.5, self.w - self.r_margin, self.get_y() + 0.5)


def _aspect(picture: Shown) -> float:
    """Width over height as it is shown."""
    rows, columns = picture.pixels.shape[:2]
    return columns / (rows * picture.stretch)
