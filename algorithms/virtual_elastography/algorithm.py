"""``virtual_elastography``: a B-mode ultrasound image in, a synthetic elastogram and a drafted score out.

Steps of the document (CN 117679077 A): crop and normalise, generate, show both, pre-assess a score for a person to
confirm. Ours: which part of which image, whether the networks know such pictures at all, the region, named schemes.
"""

from __future__ import annotations

from collections.abc import Sequence

from algorithms.virtual_elastography.bmode import pictures_of
from algorithms.virtual_elastography.judged import FamiliarityTest, Judged, Networks, judge
from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.results import compose
from algorithms.virtual_elastography.scheme_choice import scheme_for
from dicom_node.algorithm import AlgorithmInfo, ModelInfo, Progress, silent
from dicom_node.errors import UnsuitableSeries
from dicom_node.result import AnalysisResult
from dicom_node.series import Series

NAME = "virtual_elastography"
VERSION = "1.0.0"
TITLE = "Virtual elastography"


class VirtualElastography:
    """The algorithm with its options set and its networks at hand."""

    def __init__(
        self, options: Options, networks: Networks, test: FamiliarityTest, models: Sequence[ModelInfo] = ()
    ) -> None:
        self._options, self._networks, self._test = options, networks, test
        self.info = AlgorithmInfo(
            name=NAME,
            version=VERSION,
            title=TITLE,
            models=tuple(models),
            parameters=tuple(f"{key}={value}" for key, value in options.model_dump(mode="json").items() if value),
        )

    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        """Analyses every B-mode picture of the series or study, each on its own.

        Raises:
            UnsuitableSeries: there is none; the text says why for each image, and what is needed.
        """
        progress(0.0, "finding the B-mode picture")
        pictures, refusals = pictures_of(series, self._options)
        scheme = scheme_for(self._options, series.attributes)
        judged: list[Judged] = []
        refused = [(one.sop_instance_uid, one.reason) for one in refusals]
        for number, picture in enumerate(pictures):
            progress(0.9 * number / len(pictures), f"generating elastogram {number + 1} of {len(pictures)}")
            try:
                judged.append(judge(picture, self._networks, self._test, self._options, scheme))
            except UnsuitableSeries as error:
                refused.append((picture.ref.sop_instance_uid, str(error)))
        if not judged:
            raise UnsuitableSeries(_together(refused))
        progress(0.9, "report and pictures")
        return compose(judged, scheme, self._options, refused)


def _together(refused: Sequence[tuple[str, str]]) -> str:
    """The reasons, each once, with the images that it holds for."""
    reasons: dict[str, list[str]] = {}
    for uid, reason in refused:
        reasons.setdefault(reason, []).append(uid)
    if len(refused) == 1:
        return refused[0][1]
    return "; ".join(f"instance {', '.join(uids)}: {reason}" for reason, uids in reasons.items())
