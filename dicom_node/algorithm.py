"""The contract between the node and an algorithm.

A package offers an algorithm by naming a module in the entry-point group ``dicom_node.algorithms``. That module has

    class Options(AlgorithmOptions): ...                     # what a rule may set, with ranges and descriptions
    def create(options: Options, models: Models) -> Algorithm

and the object that ``create`` returns has ``info`` and ``run``. The built-in algorithms use this same door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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
    "Model",
    "ModelInfo",
    "Models",
    "NoModels",
    "Progress",
    "UnsuitableSeries",
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


@dataclass(frozen=True, slots=True)
class NoModels:
    """For algorithms that have no weights."""

    def open(self, name: str) -> Model:
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
