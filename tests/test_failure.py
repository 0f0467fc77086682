"""Failure texts tell what and where, and never quote what a foreign exception says."""

from __future__ import annotations

import errno

import pytest

from dicom_node.errors import AlgorithmFailed, UnsuitableSeries
from dicom_node.failure import describe, reason

PATIENT = "DOE^JANE"


def _caught(raising) -> BaseException:
    with pytest.raises(Exception) as caught:
        raising()
    return caught.value


def test_our_own_message_is_kept():
    assert reason(UnsuitableSeries("needs 2 frames; got 1")) == "needs 2 frames; got 1"


def test_a_foreign_message_is_left_out_and_its_place_told():
    def read_age():
        return int(PATIENT)

    text = describe(_caught(read_age))
    assert PATIENT not in text
    assert "ValueError" in text
    assert "test_failure.py" in text
    assert "in read_age: return int(PATIENT)" in text


def test_causes_are_told_without_their_messages():
    def run():
        try:
            raise KeyError(PATIENT)
        except KeyError as error:
            raise AlgorithmFailed("the algorithm raised KeyError") from error

    text = describe(_caught(run))
    assert text.startswith("the algorithm raised KeyError\n")
    assert "because of KeyError" in text
    assert PATIENT not in text


def test_a_chain_that_bites_its_tail_ends():
    error = AlgorithmFailed("one")
    error.__context__ = AlgorithmFailed("two")
    error.__context__.__context__ = error
    assert describe(error).count("one") == 1


def test_the_system_says_why_a_file_failed():
    assert reason(OSError(errno.ENOSPC, f"{PATIENT} full")) == "OSError: No space left on device"
