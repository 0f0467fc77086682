"""A frame of a source as people see it: RGB, 8 bits, windowed as its header says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array

from dicom_node.encode.attributes import UNREADABLE, values_of
from dicom_node.encode.source import SourceInstance

_DARKEST_PERCENTILE, _BRIGHTEST_PERCENTILE = 0.5, 99.5


def shown_frame(instance: SourceInstance, frame_number: int | None) -> NDArray[np.uint8] | None:
    """(rows, columns, 3) of one frame (``None``: the first); ``None`` where its pixels cannot be decoded."""
    try:
        header = dcmread(instance.path, stop_before_pixels=True, force=True)
        pixels = pixel_array(instance.path, index=(frame_number or 1) - 1)
        return _as_rgb(pixels, header)
    except (OSError, RuntimeError, MemoryError, *UNREADABLE):
        return None


def _as_rgb(pixels: NDArray, header: Dataset) -> NDArray[np.uint8]:
    if header.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, header)
        return (pixels >> 8 if pixels.dtype.itemsize > 1 else pixels).astype(np.uint8)
    if pixels.ndim == 3:
        return pixels.astype(np.uint8)
    grey = _grey(pixels, header)
    if header.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


def _grey(pixels: NDArray, header: Dataset) -> NDArray[np.uint8]:
    window = _window(header)
    if window is not None:
        values = apply_modality_lut(pixels, header).astype(np.float64)
        low, high = window
    elif header.get("VOILUTSequence"):
        values = apply_voi_lut(apply_modality_lut(pixels, header), header).astype(np.float64)
        low, high = 0.0, float(2 ** int(header.VOILUTSequence[0].LUTDescriptor[2]) - 1)
    elif int(header.BitsStored) <= 8:
        return pixels.astype(np.uint8)
    else:
        values = pixels.astype(np.float64)
        low, high = np.percentile(values, (_DARKEST_PERCENTILE, _BRIGHTEST_PERCENTILE))
    return (np.clip((values - low) / max(high - low, 1e-9), 0.0, 1.0) * 255).round().astype(np.uint8)


def _window(header: Dataset) -> tuple[float, float] | None:
    """Black and white of the first window (PS3.3 C.11.2.1.2.1), where there is one."""
    centres, widths = (values_of(header, keyword) for keyword in ("WindowCenter", "WindowWidth"))
    if not centres or not widths or float(widths[0]) < 1:
        return None
    middle, half = float(centres[0]) - 0.5, (float(widths[0]) - 1) / 2
    return middle - half, middle + half
