"""The user's page is held to the code: options, summary keys, roles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from algorithms.mmode_ef.algorithm import MmodeEf
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.simulated import series_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "mmode-ef" / "README.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def result(knowing, eight, region):
    import numpy as np

    image = np.full((300, 400), 90, np.uint8)
    networks = knowing([((20, 40, 220, 215), eight(20, 100))])
    return MmodeEf(Options(), networks).run(series_of(image, (region(),)))


def test_every_option_is_in_the_table_with_its_meaning(page):
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| (.*) \|$", page, re.MULTILINE))
    assert {name: field.description for name, field in Options.model_fields.items()} == rows


def test_every_summary_key_is_explained(page, result):
    section = page.split("Keys of `summary`")[1].split("## Conventions")[0]
    explained = {key for line in section.splitlines() for key in re.findall(r"`(\w+)`", line)}
    assert set(result.summary) <= explained
    assert set(result.summary["cycles"][0]) <= explained | {"cycles"}


def test_every_role_and_table_is_listed(page, result):
    for name in (*(part.role for part in result.pictures), *(f"{table.name}.csv" for table in result.tables)):
        assert f"`{name}`" in page


def test_a_single_cycle_has_no_spread_and_says_so(result):
    assert result.summary["spread"]["ef_percent"] is None
    assert result.summary["beats_in_values"] == 1
    assert "only complete cycle" in result.groups[0].evaluations[0].value
