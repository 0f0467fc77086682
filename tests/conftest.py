"""What the tests need from outside, and what happens where it is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _missing(reason: str) -> None:
    """Skips on a user's machine; fails in CI, where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must provide it: {reason}")
    pytest.skip(reason)


@pytest.fixture
def needs_program():
    """A function: full path of a program -> the path, or skip (fail with CI=true)."""

    def need(path: str) -> str:
        if not Path(path).exists():
            _missing(f"{path} is not installed (see .ci/run for the Debian package)")
        return path

    return need


@pytest.fixture
def needs_shared():
    """A function: path below ../shared -> the path, or skip (fail with CI=true)."""

    def need(relative: str) -> Path:
        path = SHARED / relative
        if not path.exists():
            _missing(f"../shared/{relative} is not beside this checkout")
        return path

    return need
