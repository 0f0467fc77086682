"""The folder of a training run: it belongs to one set of settings, and goes on where it stopped.

OUT/training/settings.json            what the run was started with; other settings are refused
OUT/training/PART/checkpoint.pt       state after the last whole epoch (loop.py)
OUT/training/PART/log.csv             one row for each epoch
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicom_node.errors import UsageError

log = logging.getLogger(__name__)

FOLDER = "training"
SETTINGS = "settings.json"
ABSENT = "absent"


class RunFolder:
    """A run's folder below ``out``, made if need be.

    Args:
        out: what ``--out`` names; model, manifest and card go there, working files into its folder ``training``.
        settings: everything that the weights depend on (JSON values): seed, schedule, data, augmentation.

    Raises:
        UsageError: the folder holds a run with other settings (the text names each), or ``settings`` is no JSON.
    """

    def __init__(self, out: Path, settings: Mapping[str, Any]) -> None:
        self.out = out
        self.settings: Mapping[str, Any] = as_json(settings)
        folder = out / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / SETTINGS
        self.resumed = file.exists()
        if self.resumed:
            refuse_differences(_read(file), self.settings, f"{out} holds a run")
            log.info("going on with the run in %s", out)
        else:
            write_atomically(file, (json.dumps(self.settings, indent=2) + "\n").encode())

    def path(self, part: str) -> Path:
        """The folder of one part of the run (one network), made if need be."""
        if not re.fullmatch(r"[A-Za-z0-9_.-]*[A-Za-z0-9]", part):
            raise ValueError(f"a part is named by letters, digits, '_', '-' and '.'; got {part!r}")
        folder = self.out / FOLDER / part
        folder.mkdir(exist_ok=True)
        return folder

    def checkpoint_of(self, part: str) -> Path:
        """Where the state of a part is kept; there is no file before its first epoch is over."""
        return self.path(part) / "checkpoint.pt"


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they read back from JSON (tuples are lists). Raises UsageError if they are no JSON values."""
    try:
        return json.loads(json.dumps(settings, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UsageError(f"the settings of a run must be JSON values: {error}") from error


def refuse_differences(there: Mapping[str, Any], asked: Mapping[str, Any], where: str) -> None:
    """Raises UsageError naming every key in which the two differ, nested ones dotted."""
    left, right = _flat(there), _flat(asked)
    keys = [key for key in {**left, **right} if left.get(key, ABSENT) != right.get(key, ABSENT)]
    if keys:
        told = "; ".join(
            f"{key} is {_short(left.get(key, ABSENT))} there, {_short(right.get(key, ABSENT))} here" for key in keys
        )
        raise UsageError(
            f"{where} with other settings: {told}. Use the settings from there to go on, or another --out for a new run"
        )


def write_atomically(path: Path, content: bytes) -> None:
    """The whole file or none of it, on disk when this returns."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        settings = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise UsageError(f"{file} is no JSON: {error}; remove the folder to train anew") from error
    if not isinstance(settings, dict):
        raise UsageError(f"{file} holds no settings; remove the folder to train anew")
    return settings


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return flat


def _short(value: Any) -> str:
    text = value if value == ABSENT else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
