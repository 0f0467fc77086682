"""The straight line is kept: a file imports only from rows above it (docs/design.md)."""

from __future__ import annotations

from pathlib import Path

from importlinter.application.use_cases import create_report, read_user_options
from importlinter.configuration import configure

ROOT = Path(__file__).resolve().parents[1]


def test_layers_and_algorithms_keep_their_contracts(monkeypatch):
    monkeypatch.chdir(ROOT)
    configure()
    report = create_report(read_user_options(config_filename=str(ROOT / "pyproject.toml")))
    broken = [
        f"{contract.name}: {check.metadata}"
        for contract, check in report.get_contracts_and_checks()
        if not check.kept
    ]
    assert report.contracts, "no contract was read from pyproject.toml"
    assert not broken, "\n".join(broken)
