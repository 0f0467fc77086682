"""What a rule may set for ``ovarian_classification``."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal

from pydantic import Field, field_validator

from dicom_node.algorithm import AlgorithmOptions

Threshold = Literal["band", "sensitivity_95", "youden"]


class Options(AlgorithmOptions):
    """Nothing here changes what the networks were trained for, nor which images they may judge."""

    frames_per_clip: int = Field(
        default=5,
        ge=1,
        le=50,
        description="Frames of a multi-frame image that are judged: equally spaced, the first and the last among them; "
        "1 takes the middle one. A clip with fewer frames is judged whole.",
    )
    threshold: Threshold = Field(
        default="band",
        description="How theta decides. band: below the threshold of sensitivity 0.95 not malignant, from that of "
        "specificity 0.95 on malignant, between them no decision (abstain). sensitivity_95 and youden (greatest sum of "
        "sensitivity and specificity): that one threshold, and always a decision.",
    )
    dropped_images: Literal["shown", "listed"] = Field(
        default="shown",
        description="Images that were not used: shown small beside their reason on the last pages of the picture, or "
        "only listed there.",
    )
    clinical_folder: str = Field(
        default="",
        max_length=1024,
        description="Folder, as an absolute path, with a file <Study Instance UID>.json for an examination: "
        "ca125_u_per_ml (a number), report_text (a text), both optional. CA-125 is told beside the score; neither is "
        "part of it. Empty: no such files.",
    )

    @field_validator("clinical_folder")
    @classmethod
    def _absolute(cls, folder: str) -> str:
        if folder and not (PurePosixPath(folder).is_absolute() or PureWindowsPath(folder).is_absolute()):
            raise ValueError(f"an absolute path is needed, whichever folder the node was started in; got {folder!r}")
        return folder
