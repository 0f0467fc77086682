"""The user's page is held to the code: its table of options, its summary keys, its roles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from algorithms.ulm_decoupling.algorithm import UlmDecoupling
from algorithms.ulm_decoupling.options import Options
from dicom_node.plugins import Catalogue
from dicom_node.series import Series

PAGE = Path(__file__).resolve().parents[3] / "docs" / "ulm-decoupling" / "algorithm.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def result(drawn, volume_of):
    return UlmDecoupling(Options()).run(Series("1", (volume_of(drawn.frames),)))


def options_table() -> str:
    """What the page's table of options must be."""
    lines = ["| option | what | default | meaning |", "|---|---|---|---|"]
    for row in Catalogue().describe_options("ulm_decoupling"):
        kind = row.type.replace(" | ", ", ")
        lines.append(f"| `{row.option}` | {kind} | {row.default} | {row.description} |")
    return "\n".join(lines)


def test_the_table_of_options_is_that_of_the_code(page):
    written = re.search(r"<!-- options.*?-->\n(.*?)\n<!-- end of options -->", page, re.DOTALL).group(1)
    assert written == options_table(), "put into the page:\n" + options_table()


def test_every_summary_key_is_explained_and_no_other(page, result):
    section = page.split("`summary` in `result.json`")[1].split("## Conventions")[0]
    keys = {key for line in section.splitlines() if line.startswith("| `") for key in re.findall(r"`(\w+)`", line)}
    assert keys == set(result.summary)


def test_every_role_and_table_is_listed(page, result):
    roles = {part.role for part in (*result.pictures, *result.maps, *result.derived)}
    for name in (*roles, *(f"{table.name}.csv" for table in result.tables)):
        assert f"`{name}`" in page
