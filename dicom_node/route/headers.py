"""What the header of a part-10 file says, as facts for rules: read without trust, never past the pixels."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import BaseTag
from pydicom.valuerep import PersonName

from dicom_node.conditions import TagPath, Value
from dicom_node.config.dictionary import tag_text
from dicom_node.errors import UnreadableInstance

FILE_META_GROUP = 0x0002
LONGEST_VALUE = 65536

_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom raises on broken bytes."""


def read_header(path: Path, tags: Iterable[int]) -> Dataset:
    """The attributes ``tags`` of a part-10 file, its file meta information, and nothing else.

    Raises:
        UnreadableInstance: there is no such file, or it is no DICOM that can be read; names the kind of fault only.
    """
    try:
        with _quietly():
            return dcmread(path, stop_before_pixels=True, specific_tags=list(tags), force=True)
    except FileNotFoundError as error:
        raise UnreadableInstance(f"{path.name}: the file is missing") from error
    except _FAULTS as error:
        raise UnreadableInstance(f"{path.name}: its header cannot be read ({type(error).__name__})") from error


class HeaderFacts:
    """The facts of one instance: its data set, and the AE titles of the association that it came by ("": unknown)."""

    def __init__(self, dataset: Dataset, calling_ae: str = "", called_ae: str = "") -> None:
        self._dataset = dataset
        self._association = {"calling_ae": calling_ae, "called_ae": called_ae}

    def values(self, path: TagPath) -> tuple[Value, ...] | None:
        """As ``conditions.Facts``. A value that cannot be decoded is given as the text of its bytes."""
        if not path.steps:
            title = self._association.get(path.text)
            return (title,) if title else None
        with _quietly():
            return self._values(path)

    def _values(self, path: TagPath) -> tuple[Value, ...] | None:
        datasets = [self._root(path.steps[0].tag)]
        for step in path.steps[:-1]:
            datasets = [item for dataset in datasets for item in _items(dataset, step.tag)]
        leaf = path.steps[-1].tag
        found = [values for dataset in datasets if (values := _values(dataset, leaf)) is not None]
        return tuple(value for values in found for value in values) if found else None

    def text(self, tag: int) -> str:
        """One attribute of the data set as text; "" where it is absent or empty."""
        with _quietly():
            values = _values(self._dataset, tag)
        return str(values[0]) if values else ""

    def _root(self, tag: int) -> Dataset:
        if tag >> 16 == FILE_META_GROUP:
            return getattr(self._dataset, "file_meta", Dataset())
        return self._dataset


@contextmanager
def _quietly() -> Iterator[None]:
    """pydicom warns of the oddities that it tolerates and quotes header values: no reader of a log may see them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _items(dataset: Dataset, tag: int) -> list[Dataset]:
    try:
        value = dataset[tag].value if tag in dataset else None
        return [item for item in value if isinstance(item, Dataset)] if value else []
    except _FAULTS:
        return []


def _values(dataset: Dataset, tag: int) -> tuple[Value, ...] | None:
    if tag not in dataset:
        return None
    try:
        element = dataset[tag]
        return tuple(_plain(element.VR, element.value))
    except _FAULTS:
        raw = getattr(dataset.get_item(tag), "value", None)
        return tuple(_plain("UN", raw))


def _plain(vr: str, value: Any) -> Iterable[Value]:
    """The values of an element as text and numbers, those without content left out."""
    if value is None:
        return
    if vr == "SQ":
        yield from ("item" for _ in value)
    elif isinstance(value, BaseTag):
        yield tag_text(value)
    elif isinstance(value, (bytes, bytearray)):
        text = bytes(value[:LONGEST_VALUE]).decode("latin-1").strip(" \0")
        if text.isprintable():
            yield from _plain("", text.split("\\"))
        else:
            yield f"({len(value)} bytes)"
    elif isinstance(value, (int, float)):
        yield value
    elif isinstance(value, Iterable) and not isinstance(value, (str, PersonName)):
        for one in value:
            yield from _plain(vr, one)
    elif text := str(value).strip(" \0"):
        yield text
