"""What is known of the patient besides the images: told beside the score, never part of it.

The document collects age, CA-125 and ultrasound report with the images and cleans them (US 12394048 B2, steps I and
II), but no formula of its score has them: it claims to work from the images alone. So does this. The age comes from
the header, CA-125 and the report from a file beside (option clinical_folder). The words of the report are not kept:
nothing here needs them, and they may name the patient. All of it is told in a note, not as a measurement: notes are
left out when a case is exported without identity.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_node.series import Series

AGE = re.compile(r"(\d{3})([DWMY])")
"""Age String (PS3.5 6.2): three digits and the unit."""
YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
UID = re.compile(r"[0-9.]{1,64}")
LARGEST_FILE_BYTES = 1 << 20
MOST_CA125_U_PER_ML = 1e6
KEYS = ("ca125_u_per_ml", "report_text")


@dataclass(frozen=True)
class Clinical:
    """``None`` is what is not known. ``remarks``: what was found and could not be used; no value is in them."""

    age_years: float | None = None
    ca125_u_per_ml: float | None = None
    has_report: bool = False
    remarks: tuple[str, ...] = ()


def clinical_of(series: Series, folder: str) -> Clinical:
    """The clinical data of an examination. What is broken is remarked on, and fails nothing: no score rests on it."""
    remarks: list[str] = []
    age = _age(series.attributes.get("PatientAge", ""), remarks)
    told = _file(series.study_uid, folder, remarks) if folder else {}
    unknown = sorted(set(told) - set(KEYS))
    if unknown:
        remarks.append(f"clinical data: keys not known are left aside ({len(unknown)}); known are {', '.join(KEYS)}")
    ca125 = told.get("ca125_u_per_ml")
    if ca125 is not None and not _is_ca125(ca125):
        remarks.append(f"clinical data: ca125_u_per_ml is no number of 0 to {MOST_CA125_U_PER_ML:g} U/ml; left aside")
        ca125 = None
    report = told.get("report_text")
    if report is not None and not isinstance(report, str):
        remarks.append("clinical data: report_text is no text; left aside")
        report = None
    return Clinical(age, None if ca125 is None else float(ca125), bool(report and report.strip()), tuple(remarks))


def _age(text: str, remarks: list[str]) -> float | None:
    if not text:
        return None
    found = AGE.fullmatch(text.strip())
    if found is None:
        remarks.append("clinical data: the header's age is not written as DICOM asks (such as 045Y); left aside")
        return None
    return int(found[1]) * YEARS[found[2]]


def _is_ca125(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= MOST_CA125_U_PER_ML  # not so NaN; JSON's whole numbers may be too large for a float


def _file(study_uid: str, folder: str, remarks: list[str]) -> dict[str, Any]:
    """What the file of the examination says; nothing where there is none, or it cannot be read."""
    if not UID.fullmatch(study_uid):  # it becomes a file's name
        remarks.append("clinical data: the Study Instance UID is none, so no file was looked for")
        return {}
    path = Path(folder) / f"{study_uid}.json"
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        remarks.append(f"clinical data: the file cannot be read ({error.strerror}); left aside")
        return {}
    if len(content) > LARGEST_FILE_BYTES:
        remarks.append("clinical data: the file is larger than 1 MiB; left aside")
        return {}
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        remarks.append("clinical data: the file is no JSON; left aside")
        return {}
    if not isinstance(told, dict):
        remarks.append("clinical data: the file is no JSON object; left aside")
        return {}
    return told
