"""What judged pictures become: an AnalysisResult in the words of TID 1500, a draft for a person to confirm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from algorithms.virtual_elastography.colours import CLASSES
from algorithms.virtual_elastography.concepts import CLASS_TYPES, TISSUE
from algorithms.virtual_elastography.groups import Place, class_key, group_of
from algorithms.virtual_elastography.judged import Judged
from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.pictures import Pages
from algorithms.virtual_elastography.scheme_choice import ChosenScheme
from algorithms.virtual_elastography.summary import images_table, notes_of, summary_of
from dicom_node.result import AnalysisResult, Picture, Segment
from dicom_node.series import ArrayPixels

STATEMENTS = (
    "Synthetic, not a measurement.",
    "The elastogram was generated from the B-mode image: no compression, no shear wave, no stiffness was measured.",
)
ELASTOGRAM_TITLE = "SYNTHETIC elastogram - not a measurement"
NO_ELASTOGRAM_TITLE = "No elastogram: cannot say"
COLOURS = {"soft": (255, 0, 0), "medium": (0, 255, 0), "hard": (0, 0, 255)}


def compose(
    judged: Sequence[Judged], scheme: ChosenScheme, options: Options, refused: Sequence[tuple[str, str]]
) -> AnalysisResult:
    """Report, segmentation, pictures, table and notes; ``refused``: (SOP instance UID, reason) of other images."""
    ordered = sorted(judged, key=_rank, reverse=True)  # a stable sort: of equals the first
    sizes = list(dict.fromkeys(_size(one) for one in ordered))
    places = [
        Place(
            number,
            () if number == 1 else ("further_images", number - 2),
            _ending(sizes.index(_size(one))),
        )
        for number, one in enumerate(ordered, start=1)
    ]
    return AnalysisResult(
        summary=summary_of(ordered, scheme, options, refused),
        groups=tuple(group_of(one, place, scheme) for one, place in zip(ordered, places, strict=True)),
        segments=tuple(segment for index, size in enumerate(sizes) for segment in _segments(ordered, size, index)),
        pictures=(_picture(ordered, scheme, options),),
        tables=(images_table(ordered, scheme),),
        notes=notes_of(ordered, scheme, options, refused),
        statements=STATEMENTS,
        requires_review=True,
    )


def _rank(judged: Judged) -> tuple[int, int, float]:
    """The highest score leads, then the largest share of hard; pictures without a score, and unknown ones, follow."""
    made = judged.elastogram
    if made is None:
        return 0, 0, 0.0
    return (1, 0, 0.0) if made.score is None else (2, made.score.value, made.shares.inside.hard)


def _size(judged: Judged) -> tuple[int, int]:
    return judged.picture.rows, judged.picture.columns


def _ending(index: int) -> str:
    return "" if index == 0 else f"_{index + 1}"


def _segments(ordered: Sequence[Judged], size: tuple[int, int], index: int) -> list[Segment]:
    """The classes of all pictures of one size; none where nothing was generated."""
    made = [one for one in ordered if one.elastogram is not None and _size(one) == size]
    if not made:
        return []
    classes = np.stack([one.elastogram.classes for one in made if one.elastogram is not None])
    return [
        Segment(
            label=f"{name} (synthetic)",
            category=TISSUE,
            type=CLASS_TYPES[name],
            masks=ArrayPixels(classes == number),
            frames=tuple(one.picture.ref for one in made),
            tracking_id=f"synthetic elastogram: {name}{_ending(index)}",
            description="A third of the scale of a generated picture; no stiffness was measured",
            colour_rgb=COLOURS[name],
            key=class_key(name, _ending(index)),
        )
        for number, name in enumerate(CLASSES)
    ]


def _picture(ordered: Sequence[Judged], scheme: ChosenScheme, options: Options) -> Picture:
    generated = any(one.elastogram is not None for one in ordered)
    described = (
        "B-mode, synthetic elastogram (red soft, green medium, blue hard) and both blended, with the scored region"
        if generated
        else "The B-mode picture alone: it is unlike those that the networks were trained on"
    )
    return Picture(
        title=ELASTOGRAM_TITLE if generated else NO_ELASTOGRAM_TITLE,
        pixels=Pages(ordered, scheme, options.style),
        source=tuple(one.picture.ref for one in ordered),
        role="elastogram_picture",
        description=described,
        frame_time_s=1.0 if len(ordered) > 1 else None,
    )
