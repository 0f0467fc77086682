"""The cases of a node: every reviewed result, recorded with the act that made it one.

A case is a row; its files stay where they are, and nothing of it is kept twice:

    sources     in the inbox; they say themselves whether they are simulated
    drafted     outbox/<job id>/analysis.json
    confirmed   the draft with what the person set (review_acts)
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from dicom_node.algorithm import ModelInfo
from dicom_node.analysis_file import read_analysis
from dicom_node.case import Case, Outcome
from dicom_node.correction import Change, corrected
from dicom_node.database import Database
from dicom_node.errors import StorageError, UnreadableInstance, UsageError
from dicom_node.job import AnalyseWork, job_of_row
from dicom_node.pseudonyms import Pseudonyms
from dicom_node.result import AnalysisResult
from dicom_node.review_rows import Act, act
from dicom_node.simulated import sentence_of
from dicom_node.storage import Inbox, Outbox

log = logging.getLogger(__name__)

RESULT_JSON = "result.json"


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One row of ``cases`` with its act: what tables show.

    ``id`` is the node's own number; ``unit_uid`` the series or study, ``instances`` the SOP Instance UIDs, that were
    analysed.
    """

    id: int
    job_id: int
    unit_uid: str
    instances: tuple[str, ...]
    algorithm: str
    version: str
    models: tuple[ModelInfo, ...]
    outcome: Outcome
    created_s: float
    act: Act


def record(
    connection: sqlite3.Connection, outbox: Outbox, *, job_id: int, act_id: int, outcome: Outcome, at_s: float
) -> int:
    """Makes a reviewed result a case, in the transaction of the act. Returns the case's number.

    Raises:
        UsageError: the draft's result.json is gone, so nobody could say what made it.
    """
    path = outbox.folder / str(job_id) / RESULT_JSON
    try:
        content = json.loads(path.read_text("utf-8"))
        names = content["algorithm"], content["version"], json.dumps(content["models"])
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{RESULT_JSON} of job {job_id} cannot be read, which tells what made the draft: bring outbox/{job_id} "
            "back from the backup"
        ) from error
    cursor = connection.execute(
        "INSERT INTO cases (job_id, act_id, algorithm, algorithm_version, models, outcome, created_s) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (job_id, act_id, *names, outcome, at_s),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


class NodeCases:
    """Reads the cases of the node whose data folder this is."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self._inbox, self._outbox = Inbox(data_dir), Outbox(data_dir)
        self._pseudonyms = Pseudonyms.of_node(data_dir)

    @property
    def pseudonyms(self) -> Pseudonyms:
        """Those of the node, which name cases and subjects."""
        return self._pseudonyms

    def rows(self, algorithm: str | None = None) -> tuple[CaseRow, ...]:
        """All cases, or those of one algorithm, oldest first."""
        test, values = ("WHERE algorithm = ?", (algorithm,)) if algorithm else ("", ())
        return tuple(map(self._case_row, self._database.query(f"{_ROWS} {test} ORDER BY id", values)))

    def row(self, number: int) -> CaseRow:
        """One case. Raises UsageError if there is none of that number."""
        rows = self._database.query(f"{_ROWS} WHERE id = ?", (number,))
        if not rows:
            raise UsageError(f"there is no case {number}; `dicom-node cases list` shows all")
        return self._case_row(rows[0])

    def of(self, algorithm: str, last: int | None = None) -> tuple[Case, ...]:
        """All cases of an algorithm that have their files, up to number ``last``; of others the log tells.

        Raises:
            UsageError: there is none.
        """
        rows, cases = [row for row in self.rows(algorithm) if last is None or row.id <= last], []
        for row in rows:
            try:
                cases.append(self.case(row))
            except (StorageError, UnreadableInstance, UsageError) as error:
                log.warning("a case is left out: %s", error, extra={"case": row.id})
        if rows and not cases:
            raise UsageError(
                f"none of the {len(rows)} cases of {algorithm} has its files any more: export cases in time"
            )
        if not cases:
            raise UsageError(f"no result of {algorithm} has been reviewed on this node: there are no cases")
        return tuple(cases)

    def case(self, row: CaseRow) -> Case:
        """The case with its files.

        Raises:
            StorageError: a source is no longer in the inbox.
            UnreadableInstance: a source is no DICOM any more.
            UsageError: the draft's analysis is gone or of an unknown kind.
        """
        sources = tuple(self._inbox.path_of(uid) for uid in row.instances)
        missing = [uid for uid, path in zip(row.instances, sources, strict=True) if not path.exists()]
        if missing:
            raise StorageError(
                f"case {row.id}: {len(missing)} of {len(sources)} instances are no longer in the inbox, the first is "
                f"{missing[0]}"
            )
        drafted = read_analysis(self._outbox.folder / str(row.job_id))
        return Case(
            id=self.name_of(row),
            subject=subject_of(sources[0], self._pseudonyms),
            algorithm=row.algorithm,
            version=row.version,
            models=row.models,
            sources=sources,
            drafted=drafted,
            confirmed=confirmed(drafted, row.outcome, row.act.given),
            outcome=row.outcome,
            conclusion=row.act.conclusion,
            options=self._work(row.job_id).options,
            simulated=are_simulated(sources),
        )

    def name_of(self, row: CaseRow) -> str:
        """What the case is called outside of the node."""
        return f"case-{self._pseudonyms.token('case', str(row.id))}"

    def _case_row(self, row: sqlite3.Row) -> CaseRow:
        models = tuple(
            ModelInfo(model["name"], model["version"], model["sha256"]) for model in json.loads(row["models"])
        )
        work = self._work(row["job_id"])
        return CaseRow(
            id=row["id"],
            job_id=row["job_id"],
            unit_uid=work.unit_uid,
            instances=work.instances,
            algorithm=row["algorithm"],
            version=row["algorithm_version"],
            models=models,
            outcome=row["outcome"],
            created_s=row["created_s"],
            act=act(self._database, row["act_id"]),
        )

    def _work(self, job_id: int) -> AnalyseWork:
        (row,) = self._database.query("SELECT * FROM jobs WHERE id = ?", (job_id,))
        work = job_of_row(row).work
        assert isinstance(work, AnalyseWork)  # only drafts are reviewed
        return work


_ROWS = "SELECT * FROM cases"


def confirmed(drafted: AnalysisResult, outcome: Outcome, given: Sequence[Change]) -> AnalysisResult | None:
    """What the person confirmed: the draft, the draft with what they set, or nothing."""
    if outcome == "rejected":
        return None
    return corrected(drafted, given).result if given else drafted


def subject_of(source: Path, pseudonyms: Pseudonyms) -> str:
    """The token of the patient; of the study, where the header names no patient.

    Raises:
        UnreadableInstance: the file is no DICOM any more.
    """
    header = _header(source, ["PatientID", "IssuerOfPatientID", "StudyInstanceUID"])
    patient = str(header.get("PatientID") or "").strip()
    if patient:
        return pseudonyms.token("patient", patient, str(header.get("IssuerOfPatientID") or ""))
    return pseudonyms.token("study", str(header.get("StudyInstanceUID") or source.name))


def are_simulated(sources: Sequence[Path]) -> bool:
    """Whether every source says that it is a simulated image.

    Raises:
        UnreadableInstance: one is no DICOM any more.
    """
    return all(sentence_of(str(_header(path, ["ImageComments"]).get("ImageComments") or "")) for path in sources)


def _header(source: Path, tags: list[str]) -> Dataset:
    try:
        return dcmread(source, stop_before_pixels=True, specific_tags=tags)
    except (OSError, InvalidDicomError) as error:
        raise UnreadableInstance(f"{source.name} cannot be read as DICOM") from error
