"""Typing mistakes that an administrator makes in a file of this kind, each told where it has to be mended."""

from __future__ import annotations

import pytest

from dicom_node.config import load_config
from dicom_node.config.yaml_source import LARGEST
from dicom_node.errors import ConfigurationError

FILE = """\
node:
  ae_title: AI_NODE
  port: 11112
peers:
  archive: {ae_title: ARCHIVE, host: pacs.example.org, port: 104}
rules:
  - name: contrast
    when:
      Modality: US
      SeriesDescription: {matches: "(?i)contrast"}
    run: ulm_decoupling
    send_to: [archive]
"""


@pytest.fixture
def told(tmp_path):
    """A function: the file's bytes -> [(line, column, message)]."""

    def told(content):
        path = tmp_path / "routing.yaml"
        path.write_bytes(content)
        with pytest.raises(ConfigurationError) as raised:
            load_config(path, None)
        return [(problem.line, problem.column, problem.message) for problem in raised.value.problems]

    return told


@pytest.mark.parametrize(
    ("good", "bad", "line", "column", "part"),
    [
        ("  port: 11112", "\tport: 11112", 3, 1, "a tab: use blanks"),
        ("  ae_title: AI", "\N{NO-BREAK SPACE} ae_title: AI", 2, 1, "a no-break space"),
        ("    run:", "   run:", 11, 4, "indented by 3 blanks, which fits nothing before: what begins on line 7 has 2"),
        (
            "    run:",
            "     run:",
            11,
            6,
            "indented by 5 blanks, which fits nothing before: what begins on line 7 has 4",
        ),
        ("  port:", "    port:", 3, 9, "indented like the others of its section"),
        ("port: 11112", "port 11112", 3, 3, "this needs a colon and a blank"),
        ("port: 11112", "port:11112", 3, 3, "this needs a colon and a blank"),
        ("    when:", "    when", 8, 5, "this needs a colon and a blank"),
        ('contrast"}', "contrast}", 10, 36, "a quote opens here and is never closed"),
        ('"(?i)contrast"', "“(?i)contrast”", 10, 38, "the { of line 10 is not closed where it has to be"),
        ('"(?i)contrast"', "“contrast”", 10, 36, "“ is a typographic quote"),
        ('"(?i)contrast"', r'"contrast\d"', 10, 46, "put the text in 'single quotes'"),
        ('"(?i)contrast"', r'"\bcontrast"', 10, 36, r"\b is a backspace in double quotes"),
        ("port: 104}", "port: 104", 5, 12, "the { of line 5 is not closed where it has to be"),
        ("[archive]", "[archive}", 12, 22, "the [ of line 12 is not closed where it has to be: needs ]"),
        ("Modality: US", "SeriesDescription: *CEUS*", 9, 26, "there are no wildcards: use matches"),
        ("Modality: US", "SeriesDescription: @home", 9, 26, "a text cannot begin with '@': put it in quotes"),
        ("Modality: US", "NumberOfFrames: > 30", 9, 23, "{min: ...}"),
        ("Modality: US", "SeriesDescription: CEUS: liver", 9, 30, "A text with ': ' in it needs quotes"),
        ("port: 104", "port: !!int 104", 5, 62, "the tag !!int: tags are not supported; remove it"),
        ("host: pacs.example.org", "host: !env PACS", 5, 38, "the tag !env: tags are not supported"),
        ("archive: {", "archive: &a {", 0, 0, ""),
        ("peers:\n", "---\npeers:\n", 4, 1, "a second document begins with ---"),
    ],
)
def test_each_is_told_where_it_has_to_be_mended(told, good, bad, line, column, part):
    assert good in FILE
    changed = FILE.replace(good, bad, 1)
    if not line:
        changed += "more: *a\n"
        line, column, part = 13, 7, "aliases are not supported; write the value out"
    found = told(changed.encode())
    assert any((at, col) == (line, column) and part in message for at, col, message in found), found


def test_windows_files_are_read_and_places_are_right(told):
    content = FILE.replace("port: 104", "port: x").replace("\n", "\r\n")
    assert [found[:2] for found in told(b"\xef\xbb\xbf" + content.encode())] == [(5, 62)]


def test_what_is_no_routing_file_is_not_read_whole(told, tmp_path):
    (found,) = told(b"x: y\n" * LARGEST)
    assert found[:2] == (1, 1)
    assert "is it a routing file?" in found[2]


def test_a_file_that_grows_when_it_is_read_is_refused(told):
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    (found,) = told(bomb.encode())
    assert found[:2] == (2, 8)
