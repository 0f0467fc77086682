"""What a rule may set for ``virtual_elastography``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from dicom_node.algorithm import AlgorithmOptions

Style = Literal["strain", "shear_wave"]
SchemeChoice = Literal["auto", "tsukuba", "thyroid_four_point", "general"]
LEAST_POINTS = 3


class Options(AlgorithmOptions):
    """Nothing here changes what the networks were trained for, nor the test whether a picture is like that."""

    style: Style = Field(
        default="strain",
        description="Display that the elastogram imitates: strain (compression) or shear_wave elastography.",
    )
    scheme: SchemeChoice = Field(
        default="auto",
        description="Scheme of the score. auto takes tsukuba for the breast and thyroid_four_point for the thyroid, by "
        "the body part or the descriptions of the series, and general for anything else and for shear_wave.",
    )
    region: tuple[tuple[float, float], ...] = Field(
        default=(),
        description="Region that is scored, a polygon of [x, y] in pixels of the whole image, instead of the one that "
        "is found; it holds for every image analysed.",
    )
    frames: tuple[int, ...] = Field(
        default=(),
        description="Frames of a multi-frame image, from 1, that are analysed; empty takes the middle one.",
    )
    without_regions: Literal["refuse", "whole_picture"] = Field(
        default="refuse",
        description="Images whose header has no ultrasound regions: refuse them, or look for the picture on the whole "
        "screen, leaving out letters, scales and margins.",
    )

    @field_validator("region")
    @classmethod
    def _polygon(cls, region: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if 0 < len(region) < LEAST_POINTS:
            raise ValueError(f"a region is a polygon of >= {LEAST_POINTS} points [x, y]; got {len(region)} points")
        return region

    @field_validator("frames")
    @classmethod
    def _from_one(cls, frames: tuple[int, ...]) -> tuple[int, ...]:
        if any(number < 1 for number in frames) or len(set(frames)) < len(frames):
            raise ValueError("frames count from 1, each named once")
        return frames
