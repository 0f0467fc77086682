"""The cases of a node: one whose files are lost or broken is told of and does not stop the others."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from dicom_node.cases import NodeCases
from dicom_node.errors import StorageError, UnreadableInstance, UsageError


class Recorded(NodeCases):
    """Rows 1, 2, 3 ...; where an error is given in place of a case, it is raised."""

    def __init__(self, *cases) -> None:
        self._cases = cases

    def rows(self, algorithm):
        return tuple(SimpleNamespace(id=number) for number in range(1, len(self._cases) + 1))

    def case(self, row):
        found = self._cases[row.id - 1]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.mark.parametrize("kind", [StorageError, UnreadableInstance, UsageError])
def test_a_lost_case_does_not_stop_the_others(kind, caplog):
    with caplog.at_level(logging.WARNING):
        assert Recorded("first", kind("its source is gone"), "third").of("fake") == ("first", "third")
    (record,) = caplog.records
    assert record.case == 2
    assert "its source is gone" in record.message


def test_only_cases_up_to_the_last_one():
    assert Recorded("first", "second", "third").of("fake", last=2) == ("first", "second")


def test_none_and_none_left_are_told_apart():
    with pytest.raises(UsageError, match="has been reviewed"):
        Recorded().of("fake")
    with pytest.raises(UsageError, match="none of the 1 cases"):
        Recorded(StorageError("gone")).of("fake")
