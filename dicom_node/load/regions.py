"""Ultrasound regions (PS3.3 C.8.5.5) with their bounds held against the picture that they came with."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

from pydicom.dataset import Dataset

from dicom_node.load.header import items, number, whole
from dicom_node.series import NO_BOUNDS, RegionData, RegionFormat, RegionUnit, UltrasoundRegion

_BOUNDS = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
Bounds = tuple[int, int, int, int]
_Value = TypeVar("_Value", bound=IntEnum)


def regions_of(header: Dataset, rows: int, columns: int, notes: list[str]) -> tuple[UltrasoundRegion, ...]:
    """The regions of an image of ``rows`` x ``columns``, in the header's order.

    A bound that lies exactly one pixel outside comes from writers that count the end exclusively (Philips and
    Mindray do): it is pulled in and noted. A bound further outside marks the region stale, and so does one that the
    header lacks: what else it says of the picture is kept, since a region that nobody can place is no reason to
    believe its neighbours more.
    """
    return tuple(
        _region(item, (rows, columns), f"ultrasound region {index}", notes)
        for index, item in enumerate(items(header, "SequenceOfUltrasoundRegions"), start=1)
    )


def _region(item: Dataset, size: tuple[int, int], name: str, notes: list[str]) -> UltrasoundRegion:
    bounds, stale = _bounds(item, size, name, notes)
    return UltrasoundRegion(
        *bounds,
        format=_known(item, "RegionSpatialFormat", RegionFormat, RegionFormat.NONE),
        data=_known(item, "RegionDataType", RegionData, RegionData.OTHER),
        unit_x=_known(item, "PhysicalUnitsXDirection", RegionUnit, RegionUnit.NONE),
        unit_y=_known(item, "PhysicalUnitsYDirection", RegionUnit, RegionUnit.NONE),
        delta_x=number(item, "PhysicalDeltaX") or 0.0,
        delta_y=number(item, "PhysicalDeltaY") or 0.0,
        stale=stale,
        reference_x0=whole(item, "ReferencePixelX0"),
        reference_y0=whole(item, "ReferencePixelY0"),
    )


def _bounds(item: Dataset, size: tuple[int, int], name: str, notes: list[str]) -> tuple[Bounds, bool]:
    """(x0, y0, x1, y1), and whether they are of no use for this picture."""
    rows, columns = size
    x0, y0, x1, y1 = (whole(item, keyword) for keyword in _BOUNDS)
    if x0 is None or y0 is None or x1 is None or y1 is None:
        notes.append(f"{name}: calibration rejected: its bounds are not complete, so nobody knows where it holds")
        return NO_BOUNDS, True
    if x1 == columns or y1 == rows:
        x1, y1 = (columns - 1 if x1 == columns else x1), (rows - 1 if y1 == rows else y1)
        notes.append(f"{name}: its end lies one pixel outside the picture and was taken as the last pixel")
    stale = not (0 <= x0 <= x1 < columns and 0 <= y0 <= y1 < rows)
    if stale:
        notes.append(
            f"{name}: calibration rejected: columns {x0}..{x1}, rows {y0}..{y1} do not lie in the picture of "
            f"{columns} x {rows}, so it belongs to another one"
        )
    return (x0, y0, x1, y1), stale


def _known(item: Dataset, keyword: str, kind: type[_Value], other: _Value) -> _Value:
    code = whole(item, keyword)
    return kind(code) if code in {int(member) for member in kind} else other
