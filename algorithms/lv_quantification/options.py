"""What a rule may set for ``lv_quantification``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dicom_node.algorithm import AlgorithmOptions


class Options(AlgorithmOptions):
    """The measurement itself has no parameter: the document's phase rule is free of them."""

    report_frames: Literal["all", "ed_es"] = Field(
        default="all",
        description="Frames that the report has a measurement group for: every frame of every measured slice, or only "
        "those of end-diastole and end-systole. The tables hold all of them.",
    )
    least_beat_percent: float = Field(
        default=80.0,
        ge=50,
        le=100,
        description="Part of the heartbeat that the frames must cover; prospective gating leaves out its end.",
    )
    area_disagreement_percent: float = Field(
        default=20.0,
        gt=0,
        le=100,
        description="Difference of an area from the networks and from the mask above which a slice is flagged, "
        "if it is more than a pixel's width along the cavity's outline.",
    )
    length_disagreement_mm: float = Field(
        default=4.0,
        gt=0,
        le=50,
        description="The same for the mean over the three diameters, and over the six wall thicknesses, of a frame: "
        "about twice the error of such networks.",
    )
