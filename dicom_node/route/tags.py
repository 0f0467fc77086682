"""Which attributes rules look at: only those are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dicom_node.conditions import AllOf, AnyOf, Condition, Not, Test
from dicom_node.config import Rule

SOP_INSTANCE_UID, STUDY_UID, SERIES_UID = 0x00080018, 0x0020000D, 0x0020000E


def tags_of(rules: Iterable[Rule]) -> set[int]:
    """The attributes of the data set that the rules' conditions begin at."""
    return {test.path.steps[0].tag for rule in rules for test in _tests(rule.when) if test.path.steps}


def _tests(condition: Condition) -> Iterator[Test]:
    match condition:
        case AllOf(children=children) | AnyOf(children=children):
            for child in children:
                yield from _tests(child)
        case Not(child=child):
            yield from _tests(child)
        case _:
            yield condition
