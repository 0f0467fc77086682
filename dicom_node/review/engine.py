"""The desk at which drafts are judged: what waits, one draft whole, and the three things that a person can do.

Each of these is one transaction: the act, the review's new state, the case, and the job that makes the documents. So
after a crash either nothing was done, or everything that follows will be. No patient attribute reaches a log from here,
and neither does what a person writes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom import dcmread

from dicom_node import cases, job_rows, review_rows
from dicom_node.analysis_file import read_analysis
from dicom_node.correction import Change, Correction, ImageSizes, correctable, corrected
from dicom_node.database import Database
from dicom_node.errors import ReviewConflict, UsageError
from dicom_node.jobs import ANALYSE, Job, Queue
from dicom_node.made_by import read_made_by
from dicom_node.region import Region
from dicom_node.result import AnalysisResult
from dicom_node.review.reviewer import check_words
from dicom_node.review.values import Decision, Draft, Waiting
from dicom_node.review_rows import PENDING, SUPERSEDED, ActChange, Outcome, Review, Reviewer, ReviewState
from dicom_node.storage import Inbox, Outbox

log = logging.getLogger(__name__)

PREVIEWS = "preview/*.png"


class ReviewDesk:
    """Reviews of one node, which may be running or not. Safe to use from several threads and processes at once."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        inbox: Inbox,
        outbox: Outbox,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._queue = queue
        self._inbox, self._outbox = inbox, outbox
        self._clock = clock

    # What there is

    def pending(self, limit: int = 1_000) -> tuple[Waiting, ...]:
        """What waits for a person, the longest first."""
        return self.list((PENDING,), limit)

    def list(self, states: Sequence[ReviewState] = review_rows.STATES, limit: int = 1_000) -> tuple[Waiting, ...]:
        """Reviews in one of these states, those opened first before the others."""
        found = review_rows.reviews(self._database, states, limit)
        return tuple(Waiting(review, self._queue.get(review.job_id)) for review in found)

    def show(self, job_id: int) -> Draft:
        """One draft with all that there is to judge it by, decided or not.

        Raises:
            UsageError: there is no such review, or what the analysis left is gone.
        """
        analysis, review = self._review(job_id)
        folder = self._folder(job_id)
        result = read_analysis(folder)
        return Draft(
            review=review,
            analysis=analysis,
            made_by=read_made_by(folder),
            result=result,
            correctables=correctable(result),
            acts=review_rows.acts_of(self._database, job_id),
            objects=self._queue.results(job_id),
            previews=tuple(sorted(folder.glob(PREVIEWS))),
            revision_id=self._revision_on_its_way(job_id) if review.state == PENDING else None,
        )

    def consequences(self, job_id: int, changes: Sequence[Change]) -> Correction:
        """What ``correct`` would make of these changes; nothing is kept.

        Raises:
            UsageError: as for ``show``.
            CorrectionError: a change cannot be made; all problems at once.
        """
        analysis, _ = self._review(job_id)
        result = read_analysis(self._folder(job_id))
        return corrected(result, changes, self._sizes(analysis, result))

    # What a person does

    def accept(self, job_id: int, reviewer: Reviewer, conclusion: str = "", version: int | None = None) -> Decision:
        """The draft is right as it is: a verified report follows.

        Args:
            job_id: the analysis.
            version: of the review, as the person saw it; None: any, as long as nobody has decided.

        Raises:
            UsageError: there is nothing to review, the reviewer's words do not hold, or files are gone.
            ReviewConflict: somebody was quicker; says who, and when.
        """
        analysis, seen = self._to_decide(job_id, version)
        check_words(reviewer, conclusion)
        self._check_files(analysis)
        return self._decide(analysis, seen, "accepted", reviewer, conclusion)

    def correct(
        self,
        job_id: int,
        changes: Sequence[Change],
        reviewer: Reviewer,
        conclusion: str = "",
        version: int | None = None,
    ) -> Decision:
        """The draft is right but for these values: what follows from them is worked out, a verified report follows.

        Raises:
            UsageError, ReviewConflict: as for ``accept``.
            CorrectionError: a change cannot be made; all problems at once.
        """
        analysis, seen = self._to_decide(job_id, version)
        check_words(reviewer, conclusion)
        self._check_files(analysis)
        correction = self.consequences(job_id, changes)
        return self._decide(analysis, seen, "corrected", reviewer, conclusion, changes, correction)

    def reject(self, job_id: int, reviewer: Reviewer, reason: str, version: int | None = None) -> Decision:
        """The draft is no good: those who have it are told, where the rule says so.

        Raises:
            UsageError: as for ``accept``, or no reason is given.
            ReviewConflict: as for ``accept``.
        """
        analysis, seen = self._to_decide(job_id, version)
        check_words(reviewer, reason)
        if not reason.strip():
            raise UsageError("a rejection needs a reason, for those who look at the draft later")
        if self._tells_of_rejection(seen):
            self._check_files(analysis)
        return self._decide(analysis, seen, "rejected", reviewer, reason)

    def _decide(
        self,
        analysis: Job,
        seen: Review,
        outcome: Outcome,
        reviewer: Reviewer,
        conclusion: str,
        changes: Sequence[Change] = (),
        correction: Correction | None = None,
    ) -> Decision:
        """The one place where a decision is written."""
        given = {change.key: change.given for change in changes}
        kept = [ActChange.of(applied, given) for applied in correction.applied] if correction else []
        report_id, now = None, self._clock()
        with self._database.transaction() as connection:
            taken = review_rows.decide(connection, now, seen, outcome)
            if taken:
                words = conclusion.strip()
                act_id = review_rows.record_act(connection, now, seen, outcome, reviewer, words, kept)
                cases.record(connection, self._outbox, job_id=analysis.id, act_id=act_id, outcome=outcome, at_s=now)
                if outcome != "rejected" or self._tells_of_rejection(seen):
                    report_id = job_rows.put_report(connection, now, analysis, act_id)
                    review_rows.set_outcome(connection, analysis.id, report_id)
        if not taken:
            raise self._conflict(analysis.id, seen.version)
        log.info("a draft was %s", outcome, extra={"job": analysis.id, "report_job": report_id})
        return Decision(review_rows.act(self._database, act_id), report_id, correction)

    @staticmethod
    def _tells_of_rejection(review: Review) -> bool:
        """Nobody need be told of what nobody got."""
        return review.on_reject == "key_object" and review.draft == "sent"

    # Looking up

    def _review(self, job_id: int) -> tuple[Job, Review]:
        job = self._queue.get(job_id)
        if job.kind != ANALYSE:
            raise UsageError(
                f"job {job_id} is a {job.kind} job of job {job.parent_id}: reviews are of analyses; "
                "`dicom-node review list` shows them"
            )
        review = review_rows.review_of(self._database, job_id)
        if review is None and job.state != "done":
            raise UsageError(f"job {job_id} is {job.state}: it has no result to review")
        if review is None:
            raise UsageError(
                f"nobody asked for a review of job {job_id}: neither its algorithm nor its rule {job.work.rule!r} "
                "(review: always)"
            )
        return job, review

    def _to_decide(self, job_id: int, version: int | None) -> tuple[Job, Review]:
        """The review as it must be to be decided: pending, and of the version that the person saw."""
        job, review = self._review(job_id)
        if review.state != PENDING or version not in (None, review.version):
            raise self._conflict(job_id, version)
        return job, review

    def _conflict(self, job_id: int, version: int | None) -> ReviewConflict:
        """What happened meanwhile, in words."""
        _, review = self._review(job_id)
        saw = f"; its review is now version {review.version}" + (f", you saw {version}" if version else "")
        if review.state == SUPERSEDED:
            return ReviewConflict(
                f"job {job_id} is superseded: job {review.outcome_job_id} analysed the series again with late "
                f"instances; judge that one{saw}"
            )
        if review.state == PENDING:
            return ReviewConflict(f"nobody has decided on job {job_id}{saw}: look at it again")
        act = review_rows.acts_of(self._database, job_id)[-1]
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(act.at_s))
        who = ", ".join(filter(None, (act.reviewer.role, act.reviewer.organisation)))
        return ReviewConflict(
            f"job {job_id} was {act.act} by {act.reviewer.name} ({who}) at {at}{saw}; nothing was changed: "
            f"`dicom-node review show {job_id}` tells what was decided"
        )

    def _revision_on_its_way(self, job_id: int) -> int | None:
        rows = self._database.query(
            "SELECT id FROM jobs WHERE predecessor_id = ? AND kind = ? AND state IN ('waiting', 'running') ORDER BY id",
            (job_id, ANALYSE),
        )
        return rows[0]["id"] if rows else None

    def _folder(self, job_id: int) -> Path:
        return self._outbox.folder / str(job_id)

    def _check_files(self, analysis: Job) -> None:
        """What the documents will be made from is there: better told now than after the decision."""
        read_analysis(self._folder(analysis.id))
        read_made_by(self._folder(analysis.id))
        uids = analysis.work.instances
        missing = [uid for uid in uids if not self._inbox.path_of(uid).exists()]
        if missing:
            raise UsageError(
                f"{len(missing)} of {len(uids)} instances that job {analysis.id} analysed are no longer in the inbox, "
                f"the first is {missing[0]}: send the series again, then decide"
            )

    def _sizes(self, analysis: Job, result: AnalysisResult) -> ImageSizes:
        """(rows, columns) of the sources that regions lie on."""
        regions = (part for part in result.parts.values() if isinstance(part, Region))
        wanted = {region.frame.sop_instance_uid for region in regions} & set(analysis.work.instances)
        sizes = {}
        for uid in wanted:
            header = dcmread(
                self._inbox.path_of(uid), stop_before_pixels=True, force=True, specific_tags=["Rows", "Columns"]
            )
            if "Rows" in header and "Columns" in header:
                sizes[uid] = (int(header.Rows), int(header.Columns))
        return sizes
