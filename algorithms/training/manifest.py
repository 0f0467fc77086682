"""Writes ``model.toml``: what a node needs to open the models of an algorithm, and what a person should know of them.

The form is that of ``dicom_node.models``, which reads it; sha256 is taken from each file as it lies there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from algorithms.training.run import write_atomically
from dicom_node.errors import UsageError
from dicom_node.models import MANIFEST, read_manifest


@dataclass(frozen=True, slots=True)
class Entry:
    """One model.

    Args:
        name: what the algorithm opens it by.
        version: goes into every result; change it whenever the weights change.
        file: name of the ONNX file, beside ``model.toml``.
        inputs: what it takes, in words: shape, unit, range, spacing.
        licence: of the weights, which follows from that of the data.
        data: what it was trained on.
        figures: what it reached, by name; numbers, text, or lists of them ([low, value, high] of an interval).
        simulated_only: trained on simulated images only; every result says so.
        more: further facts for the card, such as which patients it never saw; ``evaluate`` reads it by ``Models.card``.
    """

    name: str
    version: str
    file: str
    inputs: str
    licence: str
    data: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    simulated_only: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


def write_manifest(folder: Path, entries: Sequence[Entry]) -> None:
    """Writes ``model.toml`` into ``folder``, where the models' files lie, and reads it back.

    Raises:
        UsageError: there is no entry, or a model's file is not in ``folder``.
        ModelError: what was written is no manifest, such as a name that comes twice.
    """
    if not entries:
        raise UsageError(f"no model to write into {MANIFEST} of {folder.name}")
    text = tomli_w.dumps({"model": [_table(folder, entry) for entry in entries]}, multiline_strings=True)
    write_atomically(folder / MANIFEST, text.encode())
    read_manifest(folder / MANIFEST)


def _table(folder: Path, entry: Entry) -> dict[str, Any]:
    try:
        sha256 = hashlib.sha256((folder / entry.file).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"model {entry.name!r}: {entry.file} is not in {folder}: {error.strerror}") from error
    table: dict[str, Any] = {"name": entry.name, "version": entry.version, "file": entry.file, "sha256": sha256}
    if entry.simulated_only:
        table["simulated_only"] = True
    card = {"inputs": entry.inputs, "licence": entry.licence, "data": entry.data, "figures": dict(entry.figures)}
    return {**table, "card": {**card, **entry.more}}
