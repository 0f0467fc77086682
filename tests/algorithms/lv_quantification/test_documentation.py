"""The page of the algorithm holds the options and the keys that there are."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from algorithms.lv_quantification import quality
from algorithms.lv_quantification.algorithm import LvQuantification
from algorithms.lv_quantification.options import Options

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "lv-quantification" / "README.md").read_text(encoding="utf-8")


def test_options_are_those_of_the_code():
    table = re.search(r"<!-- options:.*?-->\n(.*?)<!-- end of options -->", PAGE, re.DOTALL).group(1)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    fields = Options.model_fields
    assert [row[0].strip("`") for row in rows] == list(fields)
    for name, _, default, meaning in rows:
        field = fields[name.strip("`")]
        assert default == str(field.default)
        assert meaning == field.description


def test_every_key_of_the_summary_and_every_doubt_is_explained(stack_of, rings):
    result = LvQuantification(Options(), rings((22.0, 20.0, 18.0))).run(stack_of(3))
    frame, one = result.summary["frames"][0], result.summary["slices"][0]
    doubts = set(re.findall(r'Flag\(\s*"(\w+)"', inspect.getsource(quality)))
    assert len(doubts) >= 9
    for key in (*result.summary, *frame, *one, *doubts):
        assert f"`{key}`" in PAGE, key
    for part in (*result.pictures, *result.tables):
        assert f"`{getattr(part, 'role', None) or part.name + '.csv'}`" in PAGE
