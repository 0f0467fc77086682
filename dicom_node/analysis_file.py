"""An analysis result on disk: ``analysis.json`` and ``analysis.npz``, from which the same result is read again.

The JSON holds everything but arrays. A value of a class of ``result`` is {"is": its name, its fields ...}; a tuple is a
JSON list; a list {"is": "list", "of": [...]}; a mapping {"is": "mapping", "of": {...}}; an array or the pixels of a
source {"is": "array" or "pixels", "name", "dtype", "shape"}. The npz holds an array under its name, and pixels as runs
of frames, ``name/0``, ``name/1`` ..., so that neither writing nor reading holds a long sequence in memory.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_node.codes import Code, Unit
from dicom_node.errors import StorageError, UsageError
from dicom_node.region import Region, Shape
from dicom_node.result import (
    AnalysisResult,
    DerivedSeries,
    Evaluation,
    KeyFrames,
    Measurement,
    MeasurementGroup,
    Picture,
    Placement,
    ScalarMap,
    Segment,
    Table,
)
from dicom_node.series import FrameRef, PixelSource, Spacing

FORMAT, VERSION = "dicom-node analysis", 1
JSON_NAME, ARRAYS_NAME = "analysis.json", "analysis.npz"
RUN_BYTES = 8 * 2**20
"""Of pixels that are written, and read, at once."""
# VERSION goes up when a field goes or changes its meaning; a field that comes with a default needs no new one

_CLASSES: Mapping[str, Any] = {
    kind.__name__: kind
    for kind in (
        *(AnalysisResult, MeasurementGroup, Measurement, Evaluation, Region, Segment, Picture, ScalarMap),
        *(DerivedSeries, KeyFrames, Table, Placement, Spacing, FrameRef, Code, Unit),
    )
}
_NAMES = {kind: name for name, kind in _CLASSES.items()}


@dataclass(frozen=True, slots=True)
class StoredPixels:
    """A PixelSource over runs of frames in an npz; reads the runs that are asked for."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    frames_per_run: int

    def read(self, start: int, stop: int) -> NDArray:
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        if stop <= start:
            return np.empty((0, *self.shape[1:]), self.dtype)
        first, last = start // self.frames_per_run, (stop - 1) // self.frames_per_run
        runs = _load(self.path, [f"{self.name}/{run}" for run in range(first, last + 1)])
        offset = first * self.frames_per_run
        frames = np.concatenate(runs)[start - offset : stop - offset]
        if frames.shape != (stop - start, *self.shape[1:]) or frames.dtype != self.dtype:
            raise UsageError(f"{self.path} is not of its analysis: {self.name} has other frames than were written")
        return frames


def write_analysis(result: AnalysisResult, folder: Path) -> None:
    """Writes both files into a folder; the JSON last, so that where it is there, all is there.

    Raises:
        StorageError: the disk refused.
    """
    try:
        (folder / JSON_NAME).unlink(missing_ok=True)
        with zipfile.ZipFile(folder / ARRAYS_NAME, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            content = _Writer(archive).value(result)
        text = json.dumps(
            {"format": FORMAT, "version": VERSION, "result": content}, ensure_ascii=False, allow_nan=False
        )
        temporary = folder / f".{JSON_NAME}"
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.rename(folder / JSON_NAME)
    except OSError as error:
        raise StorageError(f"the analysis cannot be written to {folder}: {error.strerror or error}") from error


def read_analysis(folder: Path) -> AnalysisResult:
    """The result that was written there. Its pixels are read from the folder when they are asked for.

    Raises:
        UsageError: no analysis is there, it is of another version, or it is damaged; the text says which file.
    """
    path = folder / JSON_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"no analysis can be read from {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{path} is damaged: it is no JSON ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError(f"{path} is no analysis: its format should be {FORMAT!r}")
    if content.get("version") != VERSION:
        raise UsageError(
            f"{path} is of version {content.get('version')!r}; this release reads version {VERSION}: "
            "use the release that wrote it, or run the analysis again"
        )
    try:
        result = _Reader(folder / ARRAYS_NAME).value(content["result"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    if not isinstance(result, AnalysisResult):
        raise UsageError(f"{path} is damaged: it holds no result")
    return result


class _Writer:
    """Values as JSON; arrays go into the archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive, self._count = archive, 0

    def value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, Shape):
            return {"is": "Shape", "of": value.value}
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, int | float):
            return value
        if isinstance(value, tuple):
            return [self.value(item) for item in value]
        if isinstance(value, list):
            return {"is": "list", "of": [self.value(item) for item in value]}
        if isinstance(value, Mapping):
            return {"is": "mapping", "of": {key: self.value(item) for key, item in value.items()}}
        if is_dataclass(value) and type(value) in _NAMES:
            named = {field.name: self.value(getattr(value, field.name)) for field in fields(value)}
            return {"is": _NAMES[type(value)], **named}
        return self._pixels(value)

    def _array(self, array: NDArray) -> dict[str, Any]:
        name = self._next(array.dtype)
        self._write(name, array)
        return {"is": "array", "name": name, "dtype": array.dtype.str, "shape": list(array.shape)}

    def _pixels(self, source: PixelSource) -> dict[str, Any]:
        name, shape, dtype = self._next(source.dtype), tuple(source.shape), np.dtype(source.dtype)
        frame_bytes = max(1, int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize)
        per_run = max(1, RUN_BYTES // frame_bytes)
        for run, start in enumerate(range(0, shape[0], per_run)):
            self._write(f"{name}/{run}", source.read(start, min(start + per_run, shape[0])))
        return {"is": "pixels", "name": name, "dtype": dtype.str, "shape": list(shape), "frames_per_run": per_run}

    def _next(self, dtype: np.dtype) -> str:
        if np.dtype(dtype).hasobject:
            raise ValueError("an array of Python objects cannot be kept: give numbers")
        self._count += 1
        return f"array_{self._count}"

    def _write(self, name: str, array: NDArray) -> None:
        with self._archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


class _Reader:
    """The values again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._names = set(archive.namelist())
        except (OSError, zipfile.BadZipFile) as error:
            raise UsageError(f"no pixels can be read from {path}: {error}") from error

    def value(self, content: Any) -> Any:
        if isinstance(content, list):
            return tuple(self.value(item) for item in content)
        if not isinstance(content, dict):
            return content
        kind = content["is"]
        if kind == "list":
            return [self.value(item) for item in content["of"]]
        if kind == "mapping":
            return {key: self.value(item) for key, item in content["of"].items()}
        if kind == "Shape":
            return Shape(content["of"])
        if kind == "array":
            return self._array(content)
        if kind == "pixels":
            return self._pixels(content)
        return _CLASSES[kind](**{name: self.value(item) for name, item in content.items() if name != "is"})

    def _pixels(self, content: Mapping[str, Any]) -> StoredPixels:
        name, shape, per_run = content["name"], tuple(content["shape"]), int(content["frames_per_run"])
        missing = [run for run in range(-(-shape[0] // per_run)) if f"{name}/{run}.npy" not in self._names]
        if missing:
            raise ValueError(f"{self._path.name} lacks the frames of {name} from {missing[0] * per_run} on")
        return StoredPixels(self._path, name, shape, np.dtype(content["dtype"]), per_run)

    def _array(self, content: Mapping[str, Any]) -> NDArray:
        (array,) = _load(self._path, [content["name"]])
        if array.dtype.str != content["dtype"] or list(array.shape) != content["shape"]:
            raise ValueError(f"{content['name']} is {array.dtype.str} {array.shape}, not as written")
        return array


def _load(path: Path, names: list[str]) -> list[NDArray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return [archive[name] for name in names]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(f"{path} is damaged or not of its analysis: {error}") from error
