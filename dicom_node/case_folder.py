"""A folder of cases: what ``cases export`` writes and ``train --from-cases`` and ``evaluate --cases`` read.

    FOLDER/cases.json                       format, whether identifying attributes are left out, what was told of pixels
    FOLDER/case-<token>/case.json           subject, algorithm, models, options, outcome, conclusion, who, changes
    FOLDER/case-<token>/source/0001.dcm     what was analysed, in the order of the job
    FOLDER/case-<token>/drafted/            analysis.json, analysis.npz: what the algorithm said
    FOLDER/case-<token>/confirmed/          the same of what the person confirmed; not where it was rejected

A case's folder appears whole, by one rename, and is never written again: a later export adds what is new. Folders of
several nodes may be put together.

De-identified: the profile of annex_e.py on every source, ultrasound blanked outside of its regions (burned_in.py),
pictures, derived series, tables, notes and texts of the analyses left out, and of the review everything but the role.
"""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from dicom_node import __version__
from dicom_node.algorithm import ModelInfo
from dicom_node.analysis_file import read_analysis, write_analysis
from dicom_node.annex_e import OF_THE_STANDARD, deidentify
from dicom_node.burned_in import Pixels, clean
from dicom_node.case import Case
from dicom_node.cases import CaseRow, NodeCases, are_simulated, confirmed
from dicom_node.errors import StorageError, UnreadableInstance, UsageError
from dicom_node.pseudonyms import Pseudonyms
from dicom_node.result import AnalysisResult, Evaluation
from dicom_node.series import FrameRef

FORMAT, VERSION = "dicom-node cases", 1
INDEX, CASE = "cases.json", "case.json"
SOURCE, DRAFTED, CONFIRMED = "source", "drafted", "confirmed"
_UID = re.compile(r"[0-2](\.[0-9]+){5,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of one case: ``folder`` is None where it was left out, and ``why`` says why."""

    case_id: int
    folder: Path | None
    why: str = ""
    new: bool = True


class CaseExport:
    """Writes cases of a node into a folder.

    Args:
        identified: with the patients' identities, for use within the hospital; else without.
        keep_burned_in: also pictures that may show text, which a person has looked at or will look at.

    Raises:
        UsageError: the folder holds an export of the other kind, or something else.
    """

    def __init__(self, cases: NodeCases, folder: Path, identified: bool, keep_burned_in: bool = False) -> None:
        self._cases, self._folder = cases, folder
        self._identified, self._keep_burned_in = identified, keep_burned_in
        folder.mkdir(parents=True, exist_ok=True)
        index = {"format": FORMAT, "version": VERSION, "made_by": f"dicom-node {__version__}", "identified": identified}
        if (folder / INDEX).exists():
            there = _index(folder)
            if there["identified"] != identified:
                kind = {True: "identified", False: "de-identified"}
                raise UsageError(
                    f"{folder} holds {kind[there['identified']]} cases and these would be {kind[identified]}: use "
                    "another folder"
                )
        elif any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty and holds no cases: use an empty or a new folder")
        else:
            _write_json(folder / INDEX, index)

    def write(self, row: CaseRow) -> Exported:
        """One case. What cannot be exported is left out and said; other cases are not held up by it.

        Raises:
            StorageError: the disk refused.
        """
        target = self._folder / self._cases.name_of(row)
        if target.exists():
            return Exported(row.id, target, new=False)
        making = self._folder / f".making-{target.name}"
        try:
            shutil.rmtree(making, ignore_errors=True)
            case = self._cases.case(row)
            making.mkdir()
            why = self._write(case, row, making)
            if why:
                return Exported(row.id, None, why)
            making.rename(target)
            return Exported(row.id, target)
        except (UnreadableInstance, UsageError, StorageError) as error:
            return Exported(row.id, None, str(error))
        except OSError as error:
            raise StorageError(f"case {row.id} could not be written: {error.strerror}") from error
        finally:
            shutil.rmtree(making, ignore_errors=True)

    def _write(self, case: Case, row: CaseRow, folder: Path) -> str:
        """Everything of one case. Returns why it must be left out after all, or nothing."""
        (folder / SOURCE).mkdir()
        told: list[str] = []
        for number, path in enumerate(case.sources, start=1):
            target = folder / SOURCE / f"{number:04}.dcm"
            if self._identified:
                shutil.copyfile(path, target)
                continue
            pixels = write_deidentified(path, target, case.subject, self._cases.pseudonyms)
            told.append(pixels.value)
            if pixels is Pixels.MAY_SHOW_TEXT and not self._keep_burned_in:
                return f"source {number} of {len(case.sources)} may show text in its pixels: see --burned-in"
        if not self._identified:
            case = _without_identity(case, row, self._cases.pseudonyms)
        for name, result in ((DRAFTED, case.drafted), (CONFIRMED, case.confirmed)):
            if result is not None:
                (folder / name).mkdir()
                write_analysis(result, folder / name)
        _write_json(folder / CASE, {**_content(case, row, self._identified), "pixels": list(dict.fromkeys(told))})
        return ""


def write_deidentified(path: Path, target: Path, subject: str, pseudonyms: Pseudonyms) -> Pixels:
    """A copy of one source without identity. Returns what is known of text in its pixels.

    Raises:
        UnreadableInstance: it is no DICOM, or its pixels cannot be blanked.
    """
    with warnings.catch_warnings(), disable_value_validation():  # what pydicom says of values may name the patient
        warnings.simplefilter("ignore")
        try:
            dataset = dcmread(path)
            pixels = clean(dataset)
            deidentify(dataset, subject, pseudonyms)
            dataset.file_meta = _file_meta(dataset, dataset.file_meta.TransferSyntaxUID)
            dataset.preamble = b"\0" * 128
            dcmwrite(target, dataset, enforce_file_format=True)
        except (InvalidDicomError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
            raise UnreadableInstance(
                f"{path.name} holds what cannot be read or written as DICOM ({type(error).__name__})"
            ) from error
    return pixels


def _file_meta(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    return meta


def _content(case: Case, row: CaseRow, identified: bool) -> dict[str, Any]:
    reviewer = asdict(row.act.reviewer)
    return {
        "id": case.id,
        "subject": case.subject,
        "algorithm": case.algorithm,
        "version": case.version,
        "models": [asdict(model) for model in case.models],
        "options": dict(case.options),
        "outcome": case.outcome,
        "conclusion": case.conclusion,
        "simulated": case.simulated,
        "reviewer": reviewer if identified else {"role": reviewer["role"]},
        "changed_keys": [change.key for change in row.act.changes],
        "decided_s": row.act.at_s if identified else None,
    }


def _without_identity(case: Case, row: CaseRow, pseudonyms: Pseudonyms) -> Case:
    """The case as strangers may have it: numbers, choices, regions and masks; no text that a person typed."""
    given = [change for change in row.act.given if not _is_text(case.drafted, change.key)]
    left = confirmed(case.drafted, case.outcome, given)
    return replace(
        case,
        drafted=_anonymous(case.drafted, pseudonyms),
        confirmed=None if left is None else _anonymous(left, pseudonyms),
        conclusion="",
    )


def _is_text(result: AnalysisResult, key: str) -> bool:
    part = result.parts.get(key)
    return isinstance(part, Evaluation) and isinstance(part.value, str) and not part.choices


def _anonymous(result: AnalysisResult, pseudonyms: Pseudonyms) -> AnalysisResult:
    bare = replace(result, pictures=(), derived=(), tables=(), notes=(), statements=())
    return _renamed(bare, pseudonyms.uid)


def _renamed(value: Any, uid: Callable[[str], str]) -> Any:
    """The same value with other UIDs, wherever a frame is named or a text is one."""
    if isinstance(value, FrameRef):
        return replace(value, sop_instance_uid=uid(value.sop_instance_uid))
    if isinstance(value, str) and _UID.fullmatch(value) and not value.startswith(OF_THE_STANDARD):
        return uid(value)
    if isinstance(value, tuple | list):
        return type(value)(_renamed(item, uid) for item in value)
    if isinstance(value, Mapping):
        return {key: _renamed(item, uid) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith("dicom_node."):
        old = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        new = {name: _renamed(item, uid) for name, item in old.items()}
        return replace(value, **{name: item for name, item in new.items() if item is not old[name]})
    return value


# Reading


def read_cases(folder: Path, algorithm: str) -> tuple[Case, ...]:
    """The cases of one algorithm in a folder, in the order of their names.

    Raises:
        UsageError: it is no folder of cases, holds none of this algorithm, or a case in it is damaged.
    """
    _index(folder)
    found = [_read_json(path) for path in sorted(folder.glob(f"*/{CASE}"))]
    cases = tuple(_case(folder / content["id"], content) for content in found if content.get("algorithm") == algorithm)
    if not cases:
        others = sorted({content.get("algorithm", "?") for content in found})
        there = f"there are cases of {', '.join(others)}" if others else "it holds no cases"
        raise UsageError(f"{folder} has no case of {algorithm}: {there}")
    return cases


def _index(folder: Path) -> Mapping[str, Any]:
    path = folder / INDEX
    if not path.exists():
        raise UsageError(f"{folder} is no folder of cases: {INDEX} is not there (dicom-node cases export makes one)")
    content = _read_json(path)
    if content.get("format") != FORMAT or content.get("version") != VERSION or "identified" not in content:
        raise UsageError(
            f"{path}: this dicom-node reads format {FORMAT!r} version {VERSION}; got {content.get('format')!r} version "
            f"{content.get('version')!r}"
        )
    return content


def _case(folder: Path, content: Mapping[str, Any]) -> Case:
    try:
        return Case(
            id=content["id"],
            subject=content["subject"],
            algorithm=content["algorithm"],
            version=content["version"],
            models=tuple(ModelInfo(**model) for model in content["models"]),
            sources=_sources(folder),
            drafted=read_analysis(folder / DRAFTED),
            confirmed=None if content["outcome"] == "rejected" else read_analysis(folder / CONFIRMED),
            outcome=content["outcome"],
            conclusion=content["conclusion"],
            options=content["options"],
            simulated=_simulated(folder, content),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{folder / CASE} does not hold a case: {error}") from error


def _simulated(folder: Path, content: Mapping[str, Any]) -> bool:
    """As the case says; of an older export, which does not, as its sources do."""
    return bool(content["simulated"]) if "simulated" in content else are_simulated(_sources(folder))


def _sources(folder: Path) -> tuple[Path, ...]:
    paths: Sequence[Path] = sorted((folder / SOURCE).glob("*.dcm"))
    if not paths:
        raise UsageError(f"{folder / SOURCE} holds no sources")
    return tuple(paths)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds {type(content).__name__}, not a mapping")
    return content


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, default=dict) + "\n", "utf-8")


def count(exported: Iterable[Exported]) -> tuple[int, int, int]:
    """How many are new, were there before, were left out."""
    entries = list(exported)
    out = sum(entry.folder is None for entry in entries)
    new = sum(entry.new for entry in entries) - out
    return new, len(entries) - out - new, out
