"""What each C-STORE status means for the object (PS3.4 table B.2-1, PS3.7 annex C)."""

from __future__ import annotations

import pytest

from dicom_node.deliver.statuses import Fate, judge


@pytest.mark.parametrize(
    ("code", "fate"),
    [
        (0x0000, Fate.DELIVERED),
        (0xB000, Fate.DELIVERED),
        (0xB006, Fate.DELIVERED),
        (0xB007, Fate.DELIVERED),
        (0xB123, Fate.DELIVERED),
        (0x0107, Fate.DELIVERED),
        (0x0111, Fate.DELIVERED),
        (0x0116, Fate.DELIVERED),
        (0xA700, Fate.LATER),
        (0xA7FF, Fate.LATER),
        (0x0110, Fate.LATER),
        (0x0213, Fate.LATER),
        (0xA900, Fate.REFUSED),
        (0xA9AB, Fate.REFUSED),
        (0xC000, Fate.REFUSED),
        (0xCFFF, Fate.REFUSED),
        (0x0117, Fate.REFUSED),
        (0x0122, Fate.REFUSED),
        (0x0124, Fate.REFUSED),
        (0x1234, Fate.REFUSED),
    ],
)
def test_fate(code, fate):
    status = judge(code)
    assert (status.code, status.fate) == (code, fate)
    assert bool(status.reason) == (code != 0)


@pytest.mark.parametrize(("code", "short"), [(0xA700, True), (0xA701, True), (0x0213, True), (0x0110, False)])
def test_only_a_lack_of_resources_ends_the_association(code, short):
    assert judge(code).short_of_resources == short
