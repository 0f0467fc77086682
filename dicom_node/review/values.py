"""What a reviewer sees, and what came of a decision: frozen values, for a command as for a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dicom_node.correction import Correctable, Correction
from dicom_node.job import Job, ResultRow
from dicom_node.made_by import MadeBy
from dicom_node.result import AnalysisResult
from dicom_node.review_rows import Act, Review

LONGEST_CONCLUSION = 10_000
"""Characters. The report has room for more (VR UT); a person who pastes a file by mistake is told."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One line of the list: a review and the analysis that it is of."""

    review: Review
    analysis: Job


@dataclass(frozen=True, slots=True)
class Draft:
    """All that there is to judge a result by.

    Args:
        made_by: the algorithm with its models, and the options that it ran with.
        result: as drafted.
        correctables: what a person may set, and what follows from it.
        acts: what persons did with it, oldest first.
        objects: the result objects, in the outbox.
        previews: PNG files.
        revision_id: an analysis of the same series with late instances that is not done yet; when it is, it
            supersedes this review.
    """

    review: Review
    analysis: Job
    made_by: MadeBy
    result: AnalysisResult
    correctables: tuple[Correctable, ...]
    acts: tuple[Act, ...]
    objects: tuple[ResultRow, ...]
    previews: tuple[Path, ...]
    revision_id: int | None = None

    @property
    def version(self) -> int:
        """What a decision on this draft names, so that it holds only if nobody was quicker."""
        return self.review.version


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of accept, correct or reject.

    ``report_job_id``: the job that makes and sends the documents; None where a rejection sends nothing.
    ``correction``: what was set and what followed from it.
    """

    act: Act
    report_job_id: int | None
    correction: Correction | None = None
