"""``result.json`` and the tables: a result for scripts. Keys are promised; docs/interfaces.md lists them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom.uid import UID

from dicom_node.algorithm import AlgorithmInfo
from dicom_node.codes import Code
from dicom_node.encode import EncodedObject
from dicom_node.result import AnalysisResult, MeasurementGroup, Table
from dicom_node.series import Series


def done(
    info: AlgorithmInfo,
    series: Series,
    result: AnalysisResult,
    objects: Sequence[EncodedObject],
    timings_s: Mapping[str, float],
) -> dict[str, Any]:
    """The whole of a result."""
    return {
        "status": "done",
        **_algorithm(info),
        "source": _source(series),
        "summary": dict(result.summary),
        "measurement_groups": [_group(group) for group in result.groups],
        "nothing_found": result.nothing_found,
        "objects": [_object(entry) for entry in objects],
        "notes": [*series.notes, *result.notes],
        "statements": list(result.statements),
        "requires_review": result.requires_review,
        "timings_s": dict(timings_s),
    }


def judged(
    draft: Mapping[str, Any],
    result: AnalysisResult,
    review: Mapping[str, Any],
    objects: Sequence[EncodedObject],
    timings_s: Mapping[str, float],
) -> dict[str, Any]:
    """What a person made of a draft: its result.json with what was confirmed, and ``review``: who, when, what.

    Args:
        draft: the content of the draft's result.json.
        result: what was confirmed; of a rejected draft, the draft.
        objects: what was made of the decision.
    """
    return {
        **draft,
        "summary": dict(result.summary),
        "measurement_groups": [_group(group) for group in result.groups],
        "objects": [_object(entry) for entry in objects],
        "requires_review": False,
        "review": dict(review),
        "timings_s": dict(timings_s),
    }


def unsuitable(
    info: AlgorithmInfo, series: Series | None, reason: str, timings_s: Mapping[str, float]
) -> dict[str, Any]:
    """What is told of input that is not for the algorithm; the same keys, empty, and ``reason``."""
    return {
        "status": "unsuitable",
        "reason": reason,
        **_algorithm(info),
        "source": _source(series) if series else None,
        "summary": {},
        "measurement_groups": [],
        "nothing_found": None,
        "objects": [],
        "notes": list(series.notes) if series else [],
        "statements": [],
        "requires_review": False,
        "timings_s": dict(timings_s),
    }


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Readable JSON; NaN and infinity are refused."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def write_table(table: Table, folder: Path) -> Path:
    """``<name>.csv`` (RFC 4180, but lines end in a newline): the columns, then the rows."""
    path = folder / f"{table.name}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(table.rows)
    return path


def _algorithm(info: AlgorithmInfo) -> dict[str, Any]:
    return {
        "algorithm": info.name,
        "version": info.version,
        "models": [{"name": model.name, "version": model.version, "sha256": model.sha256} for model in info.models],
    }


def _source(series: Series) -> dict[str, Any]:
    return {
        "study": series.study_uid,
        "series": list(series.series_uids),
        "instances": list(series.instance_uids),
    }


def _code(code: Code) -> dict[str, str]:
    return {"value": code.value, "scheme": code.scheme, "meaning": code.meaning}


def _group(group: MeasurementGroup) -> dict[str, Any]:
    return {
        "tracking_id": group.tracking_id,
        "finding": _code(group.finding),
        "site": _code(group.site) if group.site else None,
        "time_point": group.time_point,
        "measurements": [
            {
                "name": measurement.name.meaning,
                "code": _code(measurement.name),
                "value": float(measurement.value),
                "unit": measurement.unit.ucum,
                "derivation": measurement.derivation.meaning if measurement.derivation else None,
            }
            for measurement in group.reported
        ],
        "evaluations": [
            {
                "name": evaluation.name.meaning,
                "code": _code(evaluation.name),
                "value": _code(evaluation.value) if isinstance(evaluation.value, Code) else evaluation.value,
            }
            for evaluation in group.evaluations
        ],
    }


def _object(entry: EncodedObject) -> dict[str, str]:
    return {
        "file": entry.path.name,
        "sop_class": entry.sop_class_uid,
        "sop_class_name": UID(entry.sop_class_uid).name,
        "sop_instance_uid": entry.sop_instance_uid,
        "role": entry.role,
    }
