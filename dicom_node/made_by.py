"""What made a draft, kept beside its analysis: a later document of it must name that algorithm, not today's.

``made_by.json`` holds an AlgorithmInfo, models included, and the options that the algorithm ran with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dicom_node.algorithm import AlgorithmInfo, ModelInfo
from dicom_node.codes import Code
from dicom_node.errors import UsageError

NAME = "made_by.json"


@dataclass(frozen=True, slots=True)
class MadeBy:
    """The algorithm that made a result, and its options with the defaults filled in."""

    info: AlgorithmInfo
    options: Mapping[str, Any]


def write_made_by(made_by: MadeBy, folder: Path) -> None:
    """Writes the file into a folder."""
    told = {"info": asdict(made_by.info), "options": dict(made_by.options)}
    (folder / NAME).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_made_by(folder: Path) -> MadeBy:
    """Reads it again.

    Raises:
        UsageError: it is gone, or was changed by hand.
    """
    try:
        told = json.loads((folder / NAME).read_text(encoding="utf-8"))
        info = told["info"]
        codes = {name: Code(**info[name]) for name in ("family", "procedure")}
        models = tuple(ModelInfo(**model) for model in info["models"])
        return MadeBy(
            AlgorithmInfo(**{**info, **codes, "models": models, "parameters": tuple(info["parameters"])}),
            told["options"],
        )
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder.name}/{NAME} is gone: was it removed by hand? Restore the folder from a backup"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder.name}/{NAME} is not as the node wrote it ({type(error).__name__}): restore it from a backup"
        ) from error
