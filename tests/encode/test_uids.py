"""UIDs: the same work repeats them, any other work has others."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from pydicom.uid import UID

from dicom_node.algorithm import ModelInfo
from dicom_node.encode.uids import ResultUids, replacement_uid


def uids(info, job, instances=("1.2.3", "1.2.4"), series=("1.9",)):
    return ResultUids.of(info, job, "1.1", series, instances)


def test_the_same_work_in_another_order_has_the_same_uids(info, job):
    other = replace(job, options={"levels": 5, "threshold": "otsu"})
    one, two = uids(info, job), uids(info, other, ("1.2.4", "1.2.3"))
    assert one.instance("report", "1.2") == two.instance("report", "1.2")
    assert one.series("report", "1.2") == two.series("report", "1.2")


def test_uids_are_valid_and_all_different(info, job):
    made = uids(info, job)
    found = [
        made.instance("report", "1.2"),
        made.instance("report", "1.3"),
        made.instance("map", "1.2"),
        made.series("report", "1.2"),
        made.dimensions("report"),
        made.device_uid(),
        made.tracking("a"),
        made.tracking("b"),
        replacement_uid("1.2.3", "x"),
        replacement_uid("1.2.3", "y"),
    ]
    assert len(set(found)) == len(found)
    assert all(UID(uid).is_valid and uid.startswith("2.25.") for uid in found)


@pytest.mark.parametrize("change", ["version", "model", "options", "namespace", "instances"])
def test_other_work_is_another_object(info, job, change):
    before = uids(info, job).instance("report", "1.2")
    instances = ("1.2.3", "1.2.4")
    if change == "version":
        info = replace(info, version="1.3")
    elif change == "model":
        info = replace(info, models=(ModelInfo("net", "3", "cd" * 32),))
    elif change == "options":
        job = replace(job, options={"threshold": "otsu", "levels": 4})
    elif change == "namespace":
        job = replace(job, namespace=UUID(int=7))
    else:
        instances = (*instances, "1.2.5")
    assert uids(info, job, instances).instance("report", "1.2") != before


def test_a_new_model_is_another_device_and_a_late_instance_tracks_the_same_thing(info, job):
    other = replace(info, models=(ModelInfo("net", "3", "cd" * 32),))
    assert uids(info, job).device_uid() != uids(other, job).device_uid()
    assert uids(info, job).device_uid() == uids(info, job, ("1.2.3",)).device_uid()
    assert uids(info, job).tracking("a") == uids(info, job, ("1.2.3",)).tracking("a")
