"""``lv_quantification``: a short-axis cine MR in, indices of every frame, phases and global function out.

Steps of the document (CN 109003270 A): eleven numbers per frame, averaged over five networks, and the phase rule. Ours:
the stack, finding the ventricle, masks, summation over slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from numpy.typing import NDArray

from algorithms.lv_quantification.options import Options
from algorithms.lv_quantification.results import compose
from algorithms.lv_quantification.stack import short_axis_stack
from algorithms.lv_quantification.study import Estimate, study_of
from dicom_node.algorithm import AlgorithmInfo, ModelInfo, Progress, silent
from dicom_node.codes import MR_UNSPECIFIED_BODY_REGION
from dicom_node.result import AnalysisResult
from dicom_node.series import Series, Spacing

VERSION = "1.2.0"
ESTIMATED, COMPOSED = 0.85, 0.95


class Estimates(Protocol):
    """What measures pictures: estimate.Estimator, or a test's stand-in."""

    @property
    def infos(self) -> tuple[ModelInfo, ...]: ...
    def estimate(
        self, slices: Sequence[NDArray], spacing: Spacing, anchor_deg: float, progress: Progress
    ) -> Sequence[Estimate]:
        """One estimate of each (frames, rows, columns), seen from the apex."""
        ...


class LvQuantification:
    """The algorithm with its options set and its networks at hand."""

    def __init__(self, options: Options, estimator: Estimates) -> None:
        self._options, self._estimator = options, estimator
        self.info = AlgorithmInfo(
            name="lv_quantification",
            version=VERSION,
            title="Left-ventricle quantification from cine MR",
            procedure=MR_UNSPECIFIED_BODY_REGION,
            models=estimator.infos,
            parameters=tuple(f"{key}={value}" for key, value in options.model_dump().items() if value is not None),
        )

    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        """Measures the most complete short-axis stack of the series or study.

        Raises:
            UnsuitableSeries: there is none, it is not whole, or no ventricle is in sight; the text says what is needed.
        """
        progress(0.0, "finding the short-axis stack")
        stack = short_axis_stack(series, self._options.least_beat_percent / 100.0)
        estimates = self._estimator.estimate(
            stack.pictures(),
            stack.spacing,
            stack.anchor_deg,
            lambda fraction, doing: progress(ESTIMATED * fraction, doing),
        )
        progress(ESTIMATED, "phases and volumes")
        study = study_of(stack, estimates)
        progress(COMPOSED, "pictures")
        return compose(study, self._options)
