"""The contract between the node and an algorithm.

A package offers an algorithm by naming a module in the entry-point group ``dicom_node.algorithms``. That module has

    class Options(AlgorithmOptions): ...                     # what a rule may set, with ranges and descriptions
    def create(options: Options, models: Models) -> Algorithm

and the object that ``create`` returns has ``info`` and ``run``. The built-in algorithms use this same door.

Beside it, a package may have two submodules that the commands of the same names call:

    train.py      def train(data: Path, out: Path, bench: Workbench) -> None
    evaluate.py   def evaluate(data: Path, bench: Workbench) -> EvaluationReport
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from dicom_node.codes import ARTIFICIAL_INTELLIGENCE, IMAGING_PROCEDURE, Code
from dicom_node.errors import ModelError, UnsuitableSeries
from dicom_node.result import AnalysisResult
from dicom_node.series import Series

__all__ = [
    "Algorithm",
    "AlgorithmInfo",
    "AlgorithmOptions",
    "Device",
    "EvaluationReport",
    "Model",
    "ModelInfo",
    "Models",
    "NoModels",
    "Progress",
    "UnsuitableSeries",
    "Workbench",
    "silent",
]

Progress = Callable[[float, str], None]
"""Told from time to time: fraction done (0..1) and what is being done, in a few words."""


def silent(fraction: float, doing: str) -> None:
    """The Progress that tells nobody."""


class AlgorithmOptions(BaseModel):
    """Base of every algorithm's ``Options``: frozen, unknown keys refused, every field described.

    ``dicom-node check`` reports each wrong option at its line of routing.yaml; the routing reference lists them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as results name it. ``simulated_only``: trained on simulated images only, and every result says so."""

    name: str
    version: str
    sha256: str
    simulated_only: bool = False


class Model(Protocol):
    """Weights that are open and ready (ONNX Runtime)."""

    @property
    def info(self) -> ModelInfo: ...
    def run(self, inputs: Mapping[str, NDArray]) -> dict[str, NDArray[np.floating]]:
        """Named inputs in, named outputs out."""
        ...


class Models(Protocol):
    """The models of one algorithm, by the name in its ``model.toml``; opened once and kept."""

    def open(self, name: str) -> Model:
        """Raises ModelError where the manifest has no such model, or the file is not the manifest's."""
        ...

    def card(self, name: str) -> Mapping[str, Any]:
        """What the manifest tells of a model besides, such as the patients that it never saw. Raises ModelError."""
        ...


@dataclass(frozen=True, slots=True)
class NoModels:
    """For algorithms that have no weights."""

    def open(self, name: str) -> Model:
        raise ModelError(f"no model {name!r}: this algorithm has no model.toml")

    def card(self, name: str) -> Mapping[str, Any]:
        raise ModelError(f"no model {name!r}: this algorithm has no model.toml")


@dataclass(frozen=True, slots=True)
class AlgorithmInfo:
    """How results name the algorithm (TID 4019) and what they report (CID 100)."""

    name: str
    version: str
    title: str
    family: Code = ARTIFICIAL_INTELLIGENCE
    procedure: Code = IMAGING_PROCEDURE
    models: tuple[ModelInfo, ...] = ()
    parameters: tuple[str, ...] = ()


@runtime_checkable
class Algorithm(Protocol):
    """An algorithm with its options set and its models open: kept warm, run series after series."""

    @property
    def info(self) -> AlgorithmInfo: ...
    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        """Analyses one series. Raises UnsuitableSeries where the input is not for it, saying what it needs."""
        ...


Device = Literal["auto", "cpu", "cuda"]
"""``auto``: the GPU where there is one."""


@dataclass(frozen=True, slots=True)
class Workbench:
    """What ``train`` and ``evaluate`` get from the command besides their data.

    Args:
        load: the node's own loader: DICOM files of one study -> Series. Its files live as long as the command.
        models: the weights of the algorithm's ``model.toml`` (or those of ``--models``); ``NoModels`` without any.
        seed: of everything random.
        device: where networks run.
        progress: to be told how far it is.
    """

    load: Callable[[Sequence[Path]], Series]
    models: Models = NoModels()
    seed: int = 0
    device: Device = "auto"
    progress: Progress = silent


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """What an evaluation found. ``None`` stands where there is no figure; NaN and infinity are refused.

    Args:
        rows: of the table, each from column to cell.
        values: what ``--json`` prints: mappings, sequences, texts, numbers of Python (not numpy's).
        notes: sentences below the table, such as what the figures rest on.
    """

    rows: tuple[Mapping[str, str | int | float | None], ...]
    values: Mapping[str, Any] | Sequence[Any]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wrong = [place for part in ("rows", "values") for place in _unspeakable(getattr(self, part), part)]
        if wrong:
            raise ValueError(
                "an evaluation says None where it has no figure; "
                f"no text or finite number of Python at {', '.join(wrong)}"
            )


def _unspeakable(value: object, place: str) -> list[str]:
    """Places of what JSON has no word for: NaN, infinity, numpy's own numbers."""
    if isinstance(value, Mapping):
        return [found for key, inner in value.items() for found in _unspeakable(inner, f"{place}.{key}")]
    if isinstance(value, (list, tuple)):
        return [found for index, inner in enumerate(value) for found in _unspeakable(inner, f"{place}[{index}]")]
    foreign = not (value is None or isinstance(value, (str, int, float)))
    return [place] if foreign or (isinstance(value, float) and not math.isfinite(value)) else []
