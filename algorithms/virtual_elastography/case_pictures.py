"""What a reviewed case says of its picture: the region and the score that a person confirmed (numpy only).

The leading picture of a result is taken, whose keys are bare. Cases without a confirmed region and score say nothing
here: rejected ones, those answered with "cannot say", those where no region was found and none drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.bmode import BMode, pictures_of
from algorithms.virtual_elastography.concepts import meanings
from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.scheme_choice import ChosenScheme
from algorithms.virtual_elastography.scoring import SCHEMES
from dicom_node.case import Case
from dicom_node.geometry import pixels_between
from dicom_node.region import Points
from dicom_node.result import AnalysisResult, Evaluation, Region
from dicom_node.series import Series

REGION_KEY, MEANING_KEY = "region", "score_meaning"
WHOLE_PICTURE = "whole_picture"
"""What a summary says of where a region comes from, where there is none."""
Load = Callable[[Sequence[Path]], Series]


@dataclass(frozen=True, slots=True, eq=False)
class CasePicture:
    """The picture of a case with what was confirmed.

    Args:
        picture: its 2-D region.
        region: the confirmed polygon, on the frame.
        score: the confirmed score, one of the scheme's values.
        options: those of the draft.
    """

    case_id: str
    picture: BMode
    region: Points
    score: int
    scheme: ChosenScheme
    options: Options

    @property
    def region_on_picture(self) -> Points:
        """The polygon on the 2-D region's own grid."""
        return tuple((x - self.picture.x0_px, y - self.picture.y0_px) for x, y in self.region)

    def mask(self) -> NDArray[np.bool_]:
        """(rows, cols) of the 2-D region: which pixels the confirmed region covers."""
        return pixels_between(self.region_on_picture, (0.0, 1.0), *self.picture.grey.shape)


def case_picture(case: Case, load: Load) -> CasePicture | None:
    """The picture of a case; ``None`` where nothing was confirmed that could be learned or judged by.

    Raises:
        UnsuitableSeries, UnreadableInstance: its sources are not what they were.
    """
    told = None if case.confirmed is None else _told(case.confirmed)
    if told is None:
        return None
    region, score, scheme = told
    options = Options.model_validate(dict(case.options))
    pictures, _ = pictures_of(load(case.sources), options)
    wanted = (region.frame.sop_instance_uid, region.frame.frame_number or 1)
    for picture in pictures:
        if (picture.ref.sop_instance_uid, picture.ref.frame_number or 1) == wanted:
            return CasePicture(case.id, picture, region.points, score, scheme, options)
    return None


def _told(confirmed: AnalysisResult) -> tuple[Region, int, ChosenScheme] | None:
    if confirmed.summary.get("region_from") == WHOLE_PICTURE:
        return None
    region, meaning = confirmed.parts.get(REGION_KEY), confirmed.parts.get(MEANING_KEY)
    scheme = SCHEMES.get(str(confirmed.summary.get("scheme")))
    if not isinstance(region, Region) or not isinstance(meaning, Evaluation) or scheme is None:
        return None
    codes = meanings(scheme)
    if meaning.value not in codes:
        return None
    score = scheme.values[codes.index(meaning.value)]
    return region, score, ChosenScheme(scheme, "the case was scored by it", None)
