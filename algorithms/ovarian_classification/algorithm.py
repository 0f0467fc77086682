"""``ovarian_classification``: the pelvic ultrasound images of one examination in, a score for ovarian cancer out.

Steps of the document (US 12394048 B2): cleaning and quality control drop images, two networks give P(cancer) of each
that is left, theta is made of these for each network and combined by weight; activation maps from the average over
the outlined lesion. Ours: segmentation, calibrated probability, a band without a decision, what a person may correct.
"""

from __future__ import annotations

from collections.abc import Sequence

from algorithms.ovarian_classification.clinical import clinical_of
from algorithms.ovarian_classification.examination import Judges, examine
from algorithms.ovarian_classification.options import Options
from algorithms.ovarian_classification.pictures import pictures_of
from algorithms.ovarian_classification.results import compose
from dicom_node.algorithm import AlgorithmInfo, ModelInfo, Progress, silent
from dicom_node.result import AnalysisResult
from dicom_node.series import Series

NAME = "ovarian_classification"
VERSION = "1.1.0"
TITLE = "Ovarian classification"
LARGEST_PART = 0.9
"""Of the progress: judging; the rest is report and pictures."""


class OvarianClassification:
    """The algorithm with its options set and its networks at hand."""

    def __init__(self, options: Options, judges: Judges, models: Sequence[ModelInfo] = ()) -> None:
        self._options, self._judges = options, judges
        told = options.model_dump(mode="json", exclude={"clinical_folder"})  # a path of this machine
        self.info = AlgorithmInfo(
            name=NAME,
            version=VERSION,
            title=TITLE,
            models=tuple(models),
            parameters=tuple(f"{key}={value}" for key, value in told.items()),
        )

    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        """Judges every image of the examination.

        Raises:
            UnsuitableSeries: no image can be used; the text has the reason of each, and what is needed.
        """
        progress(0.0, "finding the images")
        pictures = pictures_of(series, self._options)

        def seen(number: int) -> None:
            progress(LARGEST_PART * number / len(pictures), f"judging image {number + 1} of {len(pictures)}")

        examination = examine(pictures, self._judges, self._options.threshold, seen)
        progress(LARGEST_PART, "report and pictures")
        return compose(examination, clinical_of(series, self._options.clinical_folder), self._options)
