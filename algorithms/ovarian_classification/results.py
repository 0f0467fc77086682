"""What a judged examination becomes: an AnalysisResult in the words of TID 1500."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.clinical import Clinical
from algorithms.ovarian_classification.concepts import LESION, OVARY
from algorithms.ovarian_classification.examination import Examination, Found, Image
from algorithms.ovarian_classification.groups import groups_of, tracking_id
from algorithms.ovarian_classification.options import Options
from algorithms.ovarian_classification.overlay import LESION_INK, OVARY_INK, Pages
from algorithms.ovarian_classification.summary import images_table, notes_of, summary_of
from dicom_node.codes import ANATOMICAL_STRUCTURE, MORPHOLOGICALLY_ABNORMAL
from dicom_node.result import AnalysisResult, Picture, Segment

STATEMENTS = (
    "For research use: no diagnosis.",
    "Trained on public images without a stated licence.",
    "Ascites, 3-D and undetermined pictures were taught on simulated pictures only.",
)
TITLE = "Ovarian classification with activation maps"


@dataclass(frozen=True, eq=False)
class PlacedMask:
    """A PixelSource of one mask, put on its frame when it is asked for."""

    image: Image
    found: Found

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, rows, columns) of the frame."""
        assert self.image.picture is not None
        return (1, self.image.picture.volume.rows, self.image.picture.volume.columns)

    @property
    def dtype(self) -> np.dtype:
        """Inside or not."""
        return np.dtype(np.bool_)

    def read(self, start: int, stop: int) -> NDArray[np.bool_]:
        """The mask, where the range holds it."""
        masks = np.zeros(self.shape, np.bool_)
        assert self.image.box_px is not None
        x0, y0, x1, y1 = self.image.box_px
        masks[0, y0:y1, x0:x1] = self.found.mask
        return masks[start:stop]


def compose(examination: Examination, clinical: Clinical, options: Options) -> AnalysisResult:
    """Report, segmentation, pictures, table and notes. What was not decided asks for a person."""
    pages = Pages(examination, show_dropped=options.dropped_images == "shown")
    numbered = tuple(enumerate(examination.images, start=1))
    return AnalysisResult(
        summary=summary_of(examination),
        groups=groups_of(examination),
        segments=tuple(segment for number, image in numbered for segment in _segments(image, number)),
        pictures=(
            Picture(
                title=TITLE,
                pixels=pages,
                source=tuple(dict.fromkeys(image.ref for image in examination.images)),
                role="activation_maps",
                description="Each image used, its class activation map for cancer, the lesion's outline, what both "
                "networks say; then the images that were not used, each with its reason",
                frame_time_s=1.0 if pages.shape[0] > 1 else None,
            ),
        ),
        tables=(images_table(examination),),
        notes=notes_of(examination, clinical),
        statements=STATEMENTS,
        requires_review=examination.decision == "abstain",
    )


def _segments(image: Image, number: int) -> list[Segment]:
    """What was outlined on a used image: a lesion, or the ovary."""
    found = image.found
    if found is None or not found.packed_mask.any():
        return []
    return [
        Segment(
            label=f"{'Lesion' if found.is_lesion else 'Ovary'}, image {number}",
            category=MORPHOLOGICALLY_ABNORMAL if found.is_lesion else ANATOMICAL_STRUCTURE,
            type=LESION if found.is_lesion else OVARY,
            site=OVARY if found.is_lesion else None,
            masks=PlacedMask(image, found),
            frames=(image.ref,),
            tracking_id=tracking_id(number),
            description=f"P(lesion) {found.p_lesion:.2f}",
            colour_rgb=LESION_INK if found.is_lesion else OVARY_INK,
        )
    ]
