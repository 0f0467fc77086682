"""docs/operations.md: its figures are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_node.config import NodeSettings, Peer
from dicom_node.node import FIXED_SETTINGS
from dicom_node.retry import ANALYSE_BACK_OFF, ATTEMPTS_OF_A_FAULT, KILLS_BEFORE_PARKING
from dicom_node.supervisor import CANCEL_GRACE_S

PAGES = Path(__file__).resolve().parents[1] / "docs"
OPERATIONS = " ".join((PAGES / "operations.md").read_text().split())
ROUTING = " ".join((PAGES / "routing.md").read_text().split())
PEER = Peer("", "", "", 104)


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("A running analysis has 3 s to notice", CANCEL_GRACE_S == 3),
        ("waited out for a day", ANALYSE_BACK_OFF.give_up_after_s == 86400),
        ("with pauses from 5 s to 5 min", (ANALYSE_BACK_OFF.first_s, ANALYSE_BACK_OFF.max_s) == (5, 300)),
        ("is tried once more", ATTEMPTS_OF_A_FAULT == 2),
        ("took its worker down twice", KILLS_BEFORE_PARKING == 2),
        (
            "by default after 10 s, then twice as long each time up to 10 min, for 7 days",
            (PEER.retry.first_s, PEER.retry.factor, PEER.retry.max_s, PEER.retry.give_up_after_s)
            == (10, 2, 600, 7 * 86400),
        ),
        ("Its `timeout` (30 s)", PEER.timeout_s == 30),
        ("Below `min_free` the node answers C-STORE with A700", NodeSettings().min_free_mib > 0),
    ],
)
def test_what_the_page_says_holds(said, holds):
    assert said in OPERATIONS
    assert holds


def test_both_pages_name_the_settings_that_wait_for_a_start():
    *first, last = (f"`{name}`" for name in FIXED_SETTINGS)
    for page in (OPERATIONS, ROUTING):
        assert f"{', '.join(first)} and {last} take effect at the next start" in page
