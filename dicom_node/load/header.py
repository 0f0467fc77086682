"""Header values read without trust: what is absent, malformed or not finite is ``None``, never a default."""

from __future__ import annotations

import errno
import math
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from dicom_node.errors import StorageError, UnreadableInstance

PYDICOM_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoders raise on broken bytes (observed on fuzzed files); OSError is told apart."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Around pydicom's reading of ``path``: what it raises on broken bytes becomes an error of this project.

    Its warnings are dropped: they tell of oddities that it tolerates, and may quote header values.

    Raises:
        UnreadableInstance: the bytes are no DICOM object. Names the kind of fault only, never a value.
        StorageError: the file cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except PYDICOM_ERRORS as error:
        raise UnreadableInstance(
            f"{path.name}: no DICOM object can be read from it ({type(error).__name__})"
        ) from error
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG, errno.EOVERFLOW):  # a seek to where a broken length points
            raise UnreadableInstance(f"{path.name}: its lengths point outside the file") from error
        raise StorageError(f"{path.name} cannot be read: {error.strerror or error}") from error


def value(dataset: Dataset, keyword: str) -> object | None:
    """The raw value of an attribute, ``None`` where it is absent, empty or cannot be converted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dataset.get(keyword)
    except PYDICOM_ERRORS:
        return None
    return None if found is None or found == "" else found


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...] | None:
    """All values of a numeric attribute; ``None`` where one of them is no finite number."""
    found = value(dataset, keyword)
    if found is None:
        return None
    items = found if isinstance(found, Iterable) and not isinstance(found, str | bytes) else [found]
    try:
        floats = tuple(float(item) for item in items)
    except (TypeError, ValueError):
        return None
    return floats if floats and all(math.isfinite(item) for item in floats) else None


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of a numeric attribute."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def whole(dataset: Dataset, keyword: str) -> int | None:
    """A whole number, ``None`` where there is none."""
    found = number(dataset, keyword)
    return int(found) if found is not None and found == int(found) else None


def text(dataset: Dataset, keyword: str) -> str:
    """The value as the header writes it (several values joined by a backslash), '' where there is none."""
    found = value(dataset, keyword)
    if found is None:
        return ""
    if isinstance(found, Iterable) and not isinstance(found, str | bytes):
        return "\\".join(str(item).strip() for item in found)
    return str(found).strip(" \0")


def items(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence; empty where it is absent or no sequence."""
    found = value(dataset, keyword)
    if not isinstance(found, Iterable) or isinstance(found, str | bytes):
        return ()
    return tuple(item for item in found if isinstance(item, Dataset))


ATTRIBUTES = (
    "AcquisitionContrast",
    "BodyPartExamined",
    "CardiacNumberOfImages",
    "ContrastBolusAgent",
    "ContrastBolusRoute",
    "ContrastBolusVolume",
    "DepthOfScanField",
    "EchoTime",
    "FlipAngle",
    "HeartRate",
    "ImageLaterality",
    "ImageType",
    "Laterality",
    "MagneticFieldStrength",
    "Manufacturer",
    "ManufacturerModelName",
    "MechanicalIndex",
    "NominalInterval",
    "PatientAge",
    "PatientPosition",
    "PatientSex",
    "PatientSize",
    "PatientWeight",
    "ProtocolName",
    "RepetitionTime",
    "ScanningSequence",
    "SequenceName",
    "SequenceVariant",
    "SeriesDescription",
    "SliceThickness",
    "SoftwareVersions",
    "SpacingBetweenSlices",
    "StageName",
    "StudyDescription",
    "TransducerData",
    "TransducerType",
    "ViewName",
    "ViewPosition",
)
"""What an algorithm may ask for (Series.attributes). No name, identifier, date or free comment is among them."""


def attributes(datasets: Iterable[Dataset]) -> dict[str, str]:
    """Values of ATTRIBUTES by keyword, of the first data set that has one."""
    found: dict[str, str] = {}
    for dataset in datasets:
        for keyword in ATTRIBUTES:
            if keyword not in found and (words := text(dataset, keyword)):
                found[keyword] = words
    return found
