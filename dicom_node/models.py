"""The weights of one algorithm: a manifest ``model.toml``, files whose digests it knows, sessions that are ready.

    [[model]]
    name = "landmarks"
    version = "1.2"
    file = "landmarks.onnx"                 # beside model.toml
    sha256 = "9f86d081884c7d65..."          # of the file
    simulated_only = true                   # trained on simulated images only: every result says so
    card = { data = "...", licence = "..." }  # optional: for persons, and for evaluate

Weights may be stored as float16 to keep files small; whoever calls ``run`` gives and gets the usual float32.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import threading
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from dicom_node.algorithm import Device, Model, ModelInfo
from dicom_node.errors import ModelError

log = logging.getLogger(__name__)

MANIFEST = "model.toml"
CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
"""ONNX Runtime's names of input types that are converted to."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class ManifestEntry(BaseModel):
    """One ``[[model]]`` of the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    version: Text
    file: Text
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    simulated_only: bool = False
    card: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("file")
    @classmethod
    def _beside_the_manifest(cls, file: str) -> str:
        if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts:
            raise ValueError("the file lies beside model.toml or in a folder below it")
        return file

    @property
    def info(self) -> ModelInfo:
        """As results name it."""
        return ModelInfo(self.name, self.version, self.sha256, self.simulated_only)


class Manifest(BaseModel):
    """The whole of ``model.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: tuple[ManifestEntry, ...] = Field(min_length=1)


def read_manifest(path: Path) -> dict[str, ManifestEntry]:
    """The models by name. Raises ModelError, naming what is wrong where."""
    try:
        manifest = Manifest.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ModelError(f"{path.name} of {path.parent.name} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path.name} of {path.parent.name} is no TOML: {error}") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        raise ModelError(f"{path.name} of {path.parent.name} does not hold: {told}") from error
    entries = {entry.name: entry for entry in manifest.model}
    if len(entries) < len(manifest.model):
        raise ModelError(f"{path.name} of {path.parent.name} names a model twice")
    return entries


class ModelFolder:
    """The ``Models`` of an algorithm's folder: each model is checked and opened at its first use, then kept.

    Args:
        folder: where ``model.toml`` lies.
        threads: CPU threads of a session; 0 leaves it to ONNX Runtime (all cores).
        device: where they run; ``auto`` takes the GPU where there is one.
    """

    def __init__(self, folder: Path, threads: int = 0, device: Device = "auto") -> None:
        self._folder = folder
        self._threads = threads
        self._device = device
        self._entries = read_manifest(folder / MANIFEST)
        self._open: dict[str, OnnxModel] = {}
        self._lock = threading.Lock()

    @property
    def infos(self) -> tuple[ModelInfo, ...]:
        """What the manifest promises, without opening anything."""
        return tuple(entry.info for entry in self._entries.values())

    def open(self, name: str) -> Model:
        """The model, ready to run.

        Raises:
            ModelError: no such model in the manifest, its file is missing or another one, or it is no ONNX model.
        """
        with self._lock:
            if name not in self._open:
                self._open[name] = self._opened(name)
            return self._open[name]

    def card(self, name: str) -> Mapping[str, Any]:
        """``card`` of the model in the manifest. Raises ModelError where there is no such model."""
        return self._entry(name).card

    def _entry(self, name: str) -> ManifestEntry:
        entry = self._entries.get(name)
        if entry is None:
            raise ModelError(
                f"no model {name!r} in {MANIFEST} of {self._folder.name}: it has {', '.join(self._entries)}"
            )
        return entry

    def _opened(self, name: str) -> OnnxModel:
        return OnnxModel(self.content(name), self._entry(name).info, self._threads, self._device)

    def content(self, name: str) -> bytes:
        """The file of a model, for training that goes on from it.

        Raises:
            ModelError: no such model in the manifest, its file is missing or another one.
        """
        entry = self._entry(name)
        try:
            content = (self._folder / entry.file).read_bytes()
        except OSError as error:
            raise ModelError(
                f"model {name!r}: {entry.file} of {self._folder.name} cannot be read: {error.strerror}; install the "
                "algorithm again with its weights"
            ) from error
        found = hashlib.sha256(content).hexdigest()
        if found != entry.sha256:
            raise ModelError(
                f"model {name!r}: {entry.file} has sha256 {found}, but {MANIFEST} says {entry.sha256}: install the "
                "algorithm again, or correct the manifest if the new weights are meant"
            )
        return content


class OnnxModel:
    """An ONNX Runtime session under the name that results give it."""

    def __init__(self, content: bytes, info: ModelInfo, threads: int, device: Device = "auto") -> None:
        import onnxruntime  # here: whoever only lists algorithms need not wait for it
        from onnxruntime.capi import onnxruntime_pybind11_state as runtime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # several workers share the cores
        wanted = _providers(device, CUDA in onnxruntime.get_available_providers() and has_cuda_device())
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=wanted)
        except tuple(kind for kind in vars(runtime).values() if _is_error(kind)) as error:  # they share no base
            raise ModelError(f"model {info.name!r} is no ONNX model that this ONNX Runtime opens: {error}") from error
        self._inputs = {value.name: value.type for value in self._session.get_inputs()}
        self._outputs = [value.name for value in self._session.get_outputs()]
        self._info = info
        self._wrong_input: type[Exception] = runtime.InvalidArgument
        if wanted[0] != self.provider:
            log.warning("a model runs on the CPU although there is a GPU", extra={"model": info.name})

    @property
    def info(self) -> ModelInfo:
        """Name, version and digest."""
        return self._info

    @property
    def provider(self) -> str:
        """Where it runs: the name of ONNX Runtime's execution provider."""
        return self._session.get_providers()[0]

    def run(self, inputs: Mapping[str, NDArray]) -> dict[str, NDArray[np.floating]]:
        """Named inputs in, named outputs out.

        Inputs are converted to the types that the model declares; float16 outputs come back as float32.

        Raises:
            ModelError: an input is missing or unknown, or has a shape that the model does not take.
        """
        if set(inputs) != set(self._inputs):
            raise ModelError(
                f"model {self._info.name!r} takes {', '.join(sorted(self._inputs))}; got {', '.join(sorted(inputs))}"
            )
        fed = {name: self._converted(name, value) for name, value in inputs.items()}
        try:
            outputs = self._session.run(self._outputs, fed)
        except self._wrong_input as error:
            shapes = ", ".join(f"{name} {value.shape}" for name, value in fed.items())
            raise ModelError(f"model {self._info.name!r} failed on {shapes}: {error}") from error
        return {
            name: value.astype(np.float32) if value.dtype == np.float16 else value
            for name, value in zip(self._outputs, outputs, strict=True)
        }

    def _converted(self, name: str, value: NDArray) -> NDArray:
        return np.ascontiguousarray(value, dtype=NUMPY_TYPES.get(self._inputs[name], value.dtype))


def _providers(device: Device, has_gpu: bool) -> list[str]:
    if device == "cuda" and not has_gpu:
        raise ModelError("device cuda: ONNX Runtime finds no GPU here; use device cpu or auto")
    return [CPU] if device == "cpu" or not has_gpu else [CUDA, CPU]


def _is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)


def has_cuda_device() -> bool:
    """Whether the NVIDIA driver is there and counts a device (CUDA driver API: cuInit, cuDeviceGetCount)."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
