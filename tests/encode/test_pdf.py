"""The PDF of a verified report: what can be read on its pages, and that no letter gets lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pypdfium2
import pytest
from pydicom import dcmread

from dicom_node import codes
from dicom_node.correction import Change, corrected
from dicom_node.encode import (
    ChangedValue,
    Draft,
    Outcome,
    Verification,
    encode_result,
    encode_verified,
    pdf_pictures,
)
from dicom_node.encode.check import Expectation, check_objects
from dicom_node.encode.comparison import Row, chosen_rows, regions_of, rows_of
from dicom_node.encode.pdf_fonts import FontFiles
from dicom_node.encode.source import read_sources
from dicom_node.encode.source_frame import shown_frame
from dicom_node.encode.verification import person_in_words
from dicom_node.errors import InvalidResult
from dicom_node.result import Measurement, Region, Shape
from dicom_node.series import ArrayPixels

LENGTH = codes.Code("410668003", "SCT", "Length")
ACT = Verification(
    "Meyer^Anna^^Dr.",
    "Radiologist",
    "City Hospital",
    datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC),
    Outcome.CORRECTED,
    "Λοιμός, опухоль.\nSecond line.",
    (ChangedValue("Length", "8 mm", "9.5 mm"),),
)


@pytest.fixture
def document_of(us_clip, info, job, tmp_path, make):
    """A function: changes to the act -> (object, the text of its pages)."""

    def result(row, length_mm):
        line = Region(Shape.POLYLINE, ((20, row), (60, row)), make.clip_frames()[2])
        measured = Measurement(LENGTH, length_mm, codes.MILLIMETRE, inferred_from=line)
        group = make.group(make.clip_frames(), measurements=(measured,))
        return make.full_result(
            make.clip_frames(), derived=False, groups=(group,), statements=("Synthetic, not a measurement.",)
        )

    def run(**changes):
        drafted = result(20, 8.0)
        draft = Draft(drafted, encode_result(drafted, info, [us_clip], job, tmp_path), sent=True)
        acted = replace(job, verification=replace(ACT, **changes))
        pdf, report = encode_verified(result(30, 9.5), info, [us_clip], acted, draft, tmp_path)
        header = dcmread(pdf.path)
        document = pypdfium2.PdfDocument(bytes(header.EncapsulatedDocument)[: header.EncapsulatedDocumentLength])
        try:
            return pdf, report, [page.get_textpage().get_text_range() for page in document]
        finally:
            document.close()

    return run


def test_its_pages_tell_all_that_a_reader_needs(document_of, info):
    pdf, report, pages = document_of()
    text = " ".join(" ".join(pages).split())
    for words in (
        "Sample analysis",
        "Verified report, corrected",
        "Müller, Jürgen",
        "4711",
        "1960-01-02",
        "2026-03-01 10:15",
        "A-7",
        "Synthetic, not a measurement.",
        "Λοιμός, опухоль.",
        "Verified with corrections by Dr. Meyer, Anna (Radiologist, City Hospital) on 2026-03-01 12:30:05 +0000.",
        "Length 8 mm 9.5 mm",
        "Length: from 8 mm to 9.5 mm.",
        "sample 1.2",
        f"Model net 3, sha256 {info.models[0].sha256}",
        "Solid: as confirmed; dashed: as drafted.",
        f"Report (DICOM SR) {report.sop_instance_uid}",
        "Research use; not a medical device.",
    ):
        assert words in text, words
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "4711" in page
    header = dcmread(pdf.path)
    assert header.DocumentTitle == "Sample analysis: verified report. Synthetic, not a measurement."
    assert header.Modality == "DOC"
    assert header.SourceInstanceSequence[0].ReferencedSOPInstanceUID == "1.2.826.0.1.3680043.8.498.1.2.1"


def test_a_letter_without_a_font_is_told_by_its_number(document_of):
    _, _, pages = document_of(conclusion="王 is well")
    assert "[U+738B] is well" in pages[0]
    assert "stands for a letter that no font of this document has" in pages[0]


def test_fonts_draw_many_scripts_and_never_a_box(tmp_path):
    fonts = FontFiles.of((), tmp_path)
    for text in ("Łukasz Ğün", "Λουκάς", "Щербаков", "محمد علي", "משה כהן", "สมชาย", "नमस्ते", "Đặng Thị Hằng", "≥ ² µ"):
        assert fonts.drawable(text) == text
    assert fonts.drawable("山田\x07 tarou\r\nx") == "[U+5C71][U+7530] tarou\nx"


def test_a_font_of_the_site_draws_more(tmp_path):
    """A font that has one letter of its own, made here."""
    pytest.importorskip("fontTools")
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "king"])
    builder.setupCharacterMap({0x738B: "king"})
    builder.setupGlyf({name: TTGlyphPen(None).glyph() for name in (".notdef", "king")})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "king": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "One", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "one.ttf"
    builder.save(path)
    assert FontFiles.of((path,), tmp_path).drawable("王五") == "王[U+4E94]"
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(InvalidResult, match=r"font broken\.ttf cannot be read"):
        FontFiles.of((tmp_path / "broken.ttf",), tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Meyer^Anna^Maria^Dr.^PhD", "Dr. Meyer, Anna Maria PhD"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou (山田, 太郎, やまだ, たろう)"),
        ("ANONYMOUS", "ANONYMOUS"),
        ("", ""),
    ],
)
def test_names_are_told_as_people_write_them(name, words):
    assert person_in_words(name) == words


def test_what_was_changed_is_never_left_out():
    rows = tuple(Row("g", str(n), "1", "2" if n in (3, 40) else "1", n == 20) for n in range(50))
    assert [row.what for row in chosen_rows(rows, 5)] == ["0", "1", "3", "20", "40"]
    assert [row.what for row in chosen_rows(rows, 1)] == ["3", "40"]


def test_values_that_differ_are_told_differently(make):
    def result(value):
        group = make.group(make.clip_frames(), measurements=(Measurement(LENGTH, value, codes.MILLIMETRE),))
        return make.full_result(make.clip_frames(), groups=(group,))

    (row,) = rows_of(result(1.00000001), result(1.00000002))
    assert row.changed
    assert (row.drafted, row.confirmed) == ("1.00000001 mm", "1.00000002 mm")


def test_a_value_that_was_not_known_before_a_region_was_drawn_has_no_drafted_one(make):
    frames = make.clip_frames()
    line = Region(Shape.POLYLINE, ((20, 30), (60, 30)), frames[2], key="line")
    length = Measurement(LENGTH, 40.0, codes.MILLIMETRE, key="length_mm", formula="length(line)", awaits="line")
    reader = Measurement(LENGTH, 1.0, codes.MILLIMETRE, inferred_from=(line,))
    drafted = make.full_result(frames, groups=(make.group(frames, measurements=(length, reader)),))
    confirmed = corrected(drafted, [Change("line", "20,30 50,30")]).result
    assert [(row.drafted, row.confirmed) for row in rows_of(drafted, drafted)] == [("1 mm", "1 mm")]
    assert [(row.drafted, row.confirmed) for row in rows_of(drafted, confirmed)] == [("", "30 mm"), ("1 mm", "1 mm")]
    assert rows_of(drafted, confirmed)[0].changed


def test_every_line_that_a_number_was_read_from_is_drawn(make):
    frames = make.clip_frames()
    lines = tuple(Region(Shape.POLYLINE, ((20, row), (60, row)), frames[2]) for row in (20, 40))
    both = Measurement(LENGTH, 8.0, codes.MILLIMETRE, inferred_from=lines)
    assert regions_of(make.full_result(frames, groups=(make.group(frames, measurements=(both,)),))) == lines


def test_a_source_frame_is_shown_as_its_window_says(mr_stack):
    """12 bits, window 100 to 300 (centre 200.5, width 201): 200 is the middle grey."""
    ds = dcmread(mr_stack[0])
    pixels = ds.pixel_array.copy()
    pixels[0, :4] = (0, 100, 200, 300)
    ds.PixelData, ds.WindowCenter, ds.WindowWidth = pixels.tobytes(), "200.5", "201"
    ds.save_as(mr_stack[0])
    sources = read_sources(mr_stack[:1])
    (instance,) = sources.instances.values()
    shown = shown_frame(instance, None)
    assert shown.shape == (60, 80, 3)
    assert shown[0, :4, 0].tolist() == [0, 0, 128, 255]
    mr_stack[0].write_bytes(mr_stack[0].read_bytes()[:-4000])
    assert shown_frame(instance, None) is None


def test_the_judge_looks_at_the_document(us_clip, document_of):
    pdf, _, _ = document_of()
    whole = pdf.path.read_bytes()
    for keyword, spoil, fault in (
        ("EncapsulatedDocument", lambda document: document[:-200], "document has"),
        ("EncapsulatedDocument", lambda document: b"x" + document[1:], "no whole PDF"),
        ("MIMETypeOfEncapsulatedDocument", lambda _: "text/plain", "application/pdf is needed"),
    ):
        pdf.path.write_bytes(whole)
        dataset = dcmread(pdf.path)
        setattr(dataset, keyword, spoil(dataset[keyword].value))
        dataset.save_as(pdf.path)
        with pytest.raises(InvalidResult, match=fault):
            check_objects([pdf], Expectation.of(read_sources([us_clip]), ()))


@pytest.mark.parametrize(("frames", "wanted"), [(1, [0]), (2, [0, 1]), (9, [4])])
def test_a_short_picture_is_shown_whole_and_the_middle_of_a_long_one(frames, wanted, job):
    pixels = np.arange(frames, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    shown = pdf_pictures._drawn("tracks", ArrayPixels(pixels), SimpleNamespace(job=job))
    assert [int(one.pixels[0, 0, 0]) for one in shown] == wanted
