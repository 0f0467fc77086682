"""Normal ranges that are told beside the values, with their source. No value is called normal or abnormal here."""

from __future__ import annotations

from collections.abc import Mapping

SOURCE = "ASE/EACVI 2015 (Lang et al., J Am Soc Echocardiogr 28:1-39)"
FS_SOURCE = "ASE 2005 (Lang et al., J Am Soc Echocardiogr 18:1440-63)"
DOCUMENT_EF = "50-70 % (CN 109620293 B, paragraph 0123)"

_MEN: Mapping[str, str] = {
    "LVIDd": "42.0-58.4 mm",
    "LVIDs": "25.0-39.8 mm",
    "IVSd and LVPWd": "6-10 mm",
    "LV mass (linear)": "88-224 g",
    "relative wall thickness": "0.24-0.42",
    "EF (2-D, biplane)": "52-72 %",
}
_WOMEN: Mapping[str, str] = {
    "LVIDd": "37.8-52.2 mm",
    "LVIDs": "21.6-34.8 mm",
    "IVSd and LVPWd": "6-9 mm",
    "LV mass (linear)": "67-162 g",
    "relative wall thickness": "0.22-0.42",
    "EF (2-D, biplane)": "54-74 %",
}
_FS = {"men": "25-43 %", "women": "27-45 %"}
_BY_SEX = {"M": ("men",), "F": ("women",)}


def range_notes(patient_sex: str | None) -> tuple[str, ...]:
    """Sentences for the report: the ranges of the patient's sex, or of both where it is not known."""
    told = []
    for who in _BY_SEX.get((patient_sex or "").strip().upper(), ("men", "women")):
        table = _MEN if who == "men" else _WOMEN
        values = ", ".join(f"{name} {text}" for name, text in table.items())
        told.append(f"normal ranges of adult {who}, {SOURCE}: {values}; FS {_FS[who]}, {FS_SOURCE}")
    told.append(f"normal EF by Teichholz as the method's document has it: {DOCUMENT_EF}")
    told.append("ranges are stated for orientation only; this is no diagnosis")
    return tuple(told)
