"""The page of the algorithm holds the options, the schemes and the keys that there are."""

from __future__ import annotations

import re
from pathlib import Path

from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.scoring import SCHEMES

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "virtual-elastography"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")


def table(name: str) -> list[list[str]]:
    """The rows between two marks, without the head."""
    text = re.search(rf"<!-- {name}:.*?-->\n(.*?)<!-- end of {name} -->", PAGE, re.DOTALL).group(1)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


def test_options_are_those_of_the_code():
    rows = table("options")
    fields = Options.model_fields
    assert [row[0].strip("`") for row in rows] == list(fields)
    for name, _, default, meaning in rows:
        field = fields[name.strip("`")]
        assert default == ("none" if field.default == () else str(field.default))
        assert meaning == field.description


def test_schemes_are_those_of_the_code():
    def least(step, name: str) -> str:
        return f">= {100 * step.least[name]:g} %" if name in step.least else ""

    assert table("schemes") == [
        [f"`{scheme.name}`", str(step.value), step.meaning]
        + [least(step, name) for name in ("hard", "hard_core", "hard_around")]
        for scheme in SCHEMES.values()
        for step in scheme.steps
    ]


def test_every_key_role_and_correctable_is_explained(us):
    result = us.algorithm().run(us.series_of(us.picture(us.disc()), us.picture(rows=50, columns=50)))
    keys = [*result.summary, *result.summary["fractions"], *result.summary["familiarity"]]
    keys += result.summary["not_analysed"][0]
    keys += [key for key in result.parts if not key.endswith("_pixels")]
    keys += [part.role for part in result.pictures] + [f"{part.name}.csv" for part in result.tables]
    for key in keys:
        assert f"`{key}`" in PAGE, key
