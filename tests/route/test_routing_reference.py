"""docs/routing.md holds what the code knows: every key with its default, every operator, and examples that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dicom_node.config import FIELDS, load_config
from dicom_node.config.condition_syntax import ASSOCIATION, GROUPS, OPERATORS
from dicom_node.route import explain, explanation_text

REFERENCE = (Path(__file__).resolve().parents[2] / "docs" / "routing.md").read_text()

HEADING = {name: name for name in FIELDS} | {"peers.NAME": "peers", "rules[]": "rules"}


def section(title):
    """The text below a heading, to the next one."""
    return re.split(r"^##+ ", REFERENCE.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in FIELDS.items() for field in fields])
def test_every_key_is_there_with_what_it_takes_its_default_and_its_meaning(name, field):
    (row,) = [line for line in section(HEADING[name]).splitlines() if line.startswith(f"| `{field.key}` |")]
    allowed, default, meaning = (cell.strip() for cell in row.strip("|").split("|")[1:])
    assert allowed == field.allowed
    assert default.strip("`") == ("needed" if field.default is None else field.default)
    assert meaning == field.meaning


def test_no_key_is_there_that_the_reader_does_not_know():
    for name, fields in FIELDS.items():
        text = section(HEADING[name])
        assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == {field.key for field in fields}


@pytest.mark.parametrize("word", [*GROUPS, *ASSOCIATION, *OPERATORS])
def test_every_word_of_conditions_is_there(word):
    tables = "\n".join(line for line in section("Conditions").splitlines() if line[:1] == "|")
    assert re.search(rf"`[^`]*\b{word}\b[^`]*`", tables)


def test_the_example_and_what_it_says_are_true(tmp_path, make):
    path = tmp_path / "routing.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)[1])
    config = load_config(path, None)
    for number in (1, 2):
        folder = make(f"1.{number}", NumberOfFrames=1, SeriesDescription="Liver CEUS").parent
    (explanation,) = explain([folder], config)
    shown = re.search(r"```\n(series .*?)\n```", REFERENCE, re.DOTALL)[1]
    assert explanation_text(explanation) == shown
