"""``load_series``: which files belong to the job, and what is said where they do not make a series."""

from __future__ import annotations

import filecmp
import math
from collections.abc import Sequence
from pathlib import Path

from dicom_node.errors import UnreadableInstance, UnsuitableSeries
from dicom_node.load.header import attributes, number
from dicom_node.load.instance import Instance, open_instance
from dicom_node.load.volumes import volumes_of
from dicom_node.series import Series


def load_series(paths: Sequence[Path], scratch: Path) -> Series:
    """Reads the instances of one series, or of several of one study, into a ``Series``.

    Compressed pixels are decoded into files in ``scratch``, which must live as long as the series is used.
    The order of ``paths`` does not matter.

    Raises:
        UnsuitableSeries: no files, no pixels in any of them, or instances of more than one study.
        UnreadableInstance: one instance cannot be read; names its UID, its transfer syntax and what is wrong.
            A measurement on what is left of a series would look whole and not be.
        StorageError: the disk refused.
    """
    if not paths:
        raise UnsuitableSeries("no files were given; at least one DICOM image is needed")
    notes: list[str] = []
    opened = [open_instance(path, scratch) for path in paths]
    images = _images(_each_once(opened, notes), notes)
    studies = {instance.study_uid for instance in images}
    if len(studies) > 1:
        raise UnsuitableSeries(f"instances of {len(studies)} studies; a job works on one study")
    images.sort(key=_order)
    return Series(
        study_uid=images[0].study_uid,
        volumes=volumes_of(images, scratch, notes),
        attributes=attributes(instance.header for instance in images),
        notes=tuple(dict.fromkeys(notes)),
    )


def _each_once(instances: Sequence[Instance], notes: list[str]) -> list[Instance]:
    """One instance per SOP Instance UID: the first; a second file with the same UID is noted."""
    kept: dict[str, Instance] = {}
    for instance in instances:
        first = kept.setdefault(instance.sop_instance_uid, instance)
        if first is not instance:
            if not filecmp.cmp(first.path, instance.path, shallow=False):
                raise UnreadableInstance(
                    f"SOP instance {instance.sop_instance_uid} came as two files with different content: "
                    "which one is right cannot be told; give one of them"
                )
            notes.append(f"SOP instance {instance.sop_instance_uid} was given more than once and used once")
    return list(kept.values())


def _images(instances: Sequence[Instance], notes: list[str]) -> list[Instance]:
    images = [instance for instance in instances if instance.image is not None]
    others = [instance for instance in instances if instance.image is None]
    if not images:
        classes = sorted({instance.sop_class_uid for instance in others})
        raise UnsuitableSeries(f"no pixel data in {len(others)} instance(s) of SOP class {', '.join(classes)}")
    if others:
        notes.append(f"{len(others)} instance(s) without pixel data left out")
    return images


def _order(instance: Instance) -> tuple[float, str, float, str]:
    def or_last(keyword: str) -> float:
        found = number(instance.header, keyword)
        return math.inf if found is None else found

    return or_last("SeriesNumber"), instance.series_uid, or_last("InstanceNumber"), instance.sop_instance_uid
