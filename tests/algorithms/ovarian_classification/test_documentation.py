"""The page of the algorithm holds the options, roles and keys that there are."""

from __future__ import annotations

import re
from pathlib import Path

from algorithms.ovarian_classification.options import Options
from algorithms.ovarian_classification.theta import CLAMP

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "ovarian-classification" / "README.md").read_text("utf-8")


def test_options_are_those_of_the_code():
    text = re.search(r"<!-- options:.*?-->\n(.*?)<!-- end of options -->", PAGE, re.DOTALL).group(1)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    assert [row[0].strip("`") for row in rows] == list(Options.model_fields)
    for name, _, default, meaning in rows:
        field = Options.model_fields[name.strip("`")]
        assert default == (str(field.default) or "none")
        assert meaning == field.description


def test_every_key_role_and_correctable_is_explained(ovary):
    result = ovary.run(ovary.answer(), ovary.answer())
    keys = [*result.summary, *result.summary["images"][0], *result.summary["threshold"]]
    keys += [part.role for part in result.pictures] + [f"{part.name}.csv" for part in result.tables]
    keys += ["use_2", "lesion_2", "decision"]
    for key in keys:
        assert f"`{key}`" in PAGE, key


def test_the_clamp_is_the_codes():
    assert f"above 1 - {CLAMP:f} " in PAGE
