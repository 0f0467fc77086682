"""PNG previews of what a result shows, for people who have no viewer at hand. They are never sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dicom_node.encode.caption import Caption
from dicom_node.result import AnalysisResult
from dicom_node.series import PixelSource

WHITE_PERCENTILE = 99.8
"""A map's value that is shown white: a few hot pixels must not leave the rest black."""


def write_previews(result: AnalysisResult, folder: Path) -> tuple[Path, ...]:
    """One PNG for each picture, map and derived series, named by its title; of several frames the middle one.

    Maps are shown in grey from 0 to their ``WHITE_PERCENTILE`` percentile. Below each stand the result's statements.
    """
    paths: list[Path] = []
    for title, role, pixels in _shown(result):
        name = _file_name(title)
        path = folder / f"{name}.png"
        if path in paths or not name:
            path = folder / f"{name}{'-' if name else ''}{role}.png"
        Image.fromarray(_captioned(pixels, result.statements)).save(path, format="PNG", compress_level=1)
        paths.append(path)
    return tuple(paths)


def _shown(result: AnalysisResult) -> Iterator[tuple[str, str, NDArray[np.uint8]]]:
    for picture in result.pictures:
        yield picture.title, picture.role, _middle_frame(picture.pixels)
    for scalar_map in result.maps:
        yield scalar_map.title, scalar_map.role, _grey(scalar_map.values)
    for derived in result.derived:
        yield derived.title, derived.role, _middle_frame(derived.pixels)


def _captioned(pixels: NDArray[np.uint8], statements: tuple[str, ...]) -> NDArray[np.uint8]:
    """A picture that says itself what every object says; grey stays grey where there is nothing to say."""
    caption = Caption.of(statements, pixels.shape[1])
    if not caption.rows:
        return pixels
    coloured = pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
    return caption.below(coloured[np.newaxis])[0]


def _middle_frame(pixels: PixelSource) -> NDArray[np.uint8]:
    middle = pixels.shape[0] // 2
    return np.ascontiguousarray(pixels.read(middle, middle + 1)[0])


def _grey(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    positive = values[values > 0]
    white = float(np.percentile(positive, WHITE_PERCENTILE)) if positive.size else 1.0
    return (np.clip(values / white, 0.0, 1.0) * 255.0).round().astype(np.uint8)


def _file_name(title: str) -> str:
    """A title as a file name: lower case, and nothing but letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:80]
