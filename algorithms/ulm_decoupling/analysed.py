"""What is known of one clip when it has been analysed, before it is put into the words of a result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.clip import Clip
from algorithms.ulm_decoupling.decoupled import Decoupled
from algorithms.ulm_decoupling.localise import Localisations
from dicom_node.series import Volume


@dataclass(frozen=True)
class Analysed:
    """One clip and all that was found in it.

    Attributes:
        volume: where it comes from.
        clip: its contrast picture.
        decoupled: the decoupled series, or None where none was asked for.
        found: positions on the clip's own pixels.
        speed: (len(found),) of each, mm/s where the clip has both scales, else px/frame.
        density: (rows * factor, columns * factor) tracks that crossed each map pixel.
        mean_speed: the same grid, mean speed, same unit; NaN where no track was.
        factor: map pixels per picture pixel, each way.
        notes: where it could not be done as asked.
    """

    volume: Volume
    clip: Clip
    decoupled: Decoupled | None
    found: Localisations
    speed: NDArray[np.floating]
    density: NDArray[np.float32]
    mean_speed: NDArray[np.float32]
    factor: int
    notes: tuple[str, ...]
