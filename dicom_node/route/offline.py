"""``explain`` without a node: files in, what the rules would say of their series and studies out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dicom_node.conditions import TagPath
from dicom_node.config import NodeConfig
from dicom_node.config.dictionary import attribute
from dicom_node.errors import UnreadableInstance, UsageError
from dicom_node.exclusion import reason_not_to_route
from dicom_node.route.explanation import Candidate, Explanation, explain_unit
from dicom_node.route.headers import HeaderFacts, read_header
from dicom_node.route.tags import SERIES_UID, SOP_INSTANCE_UID, STUDY_UID, tags_of

_SOP_CLASS, _MANUFACTURER = 0x00080016, 0x00080070
_CONTRIBUTING = TagPath(
    "ContributingEquipmentSequence.Manufacturer",
    tuple(found for key in ("ContributingEquipmentSequence", "Manufacturer") if (found := attribute(key))),
)
_JUDGED_BY = {SOP_INSTANCE_UID, SERIES_UID, STUDY_UID, _SOP_CLASS, _MANUFACTURER, _CONTRIBUTING.steps[0].tag}


def explain(paths: Sequence[Path], config: NodeConfig, calling_ae: str = "", called_ae: str = "") -> list[Explanation]:
    """Judges the series and studies of files and folders as the node would.

    What is no DICOM is listed at the end, in an Explanation of kind "files"; what reception would exclude (own output,
    no image) is listed with its series. The AE titles are those of the association to imagine; "" is an unknown one.

    Raises:
        UsageError: the paths hold no file.
    """
    tags = tags_of(config.rules) | _JUDGED_BY
    units: dict[tuple[str, str], list[Candidate]] = {}
    unreadable: list[tuple[str, str]] = []
    files = list(_files(paths))
    if not files:
        raise UsageError("there is no file in what was named: name DICOM files or folders that hold some")
    for file in files:
        try:
            facts = HeaderFacts(read_header(file, tags), calling_ae, called_ae)
            uid, series, study = (_uid(facts, tag, file) for tag in (SOP_INSTANCE_UID, SERIES_UID, STUDY_UID))
        except UnreadableInstance as error:
            unreadable.append((str(file), str(error).removeprefix(f"{file.name}: ")))
            continue
        for key in (("series", series), ("study", study)):
            units.setdefault(key, []).append(_candidate(uid, facts))
    studies_wanted = any(rule.group == "study" for rule in config.rules)
    explanations = [
        explain_unit(kind, uid, candidates, config.rules)
        for (kind, uid), candidates in sorted(units.items())
        if kind == "series" or studies_wanted
    ]
    if unreadable:
        explanations.append(Explanation("files", "", 0, tuple(unreadable), ()))
    return explanations


def _candidate(uid: str, facts: HeaderFacts) -> Candidate:
    contributing = [str(value) for value in facts.values(_CONTRIBUTING) or ()]
    why_not = reason_not_to_route(facts.text(_SOP_CLASS), facts.text(_MANUFACTURER), contributing)
    return Candidate(uid, None, f"never routed: {why_not}") if why_not else Candidate(uid, facts)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
        else:
            yield path


def _uid(facts: HeaderFacts, tag: int, file: Path) -> str:
    uid = facts.text(tag)
    if not uid:
        raise UnreadableInstance(f"{file.name}: is no DICOM object of a series")
    return uid
