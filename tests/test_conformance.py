"""The conformance statement says what the code does."""

from __future__ import annotations

from pathlib import Path

from dicom_node.conformance import statement

ROOT = Path(__file__).resolve().parents[1]


def test_the_committed_statement_is_what_the_code_says():
    committed = (ROOT / "docs" / "conformance.md").read_text()
    assert committed == statement(), "run: make docs"
