"""Completion: the judge by hand-made evidence, the assembler on rows. Time is a number here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicom_node import intake
from dicom_node.assemble import Assembler, Evidence, judge
from dicom_node.config import NodeSettings
from dicom_node.database import Database
from dicom_node.intake import Promise, ReceivedInstance

QUIET_S = 10.0
SERIES = Evidence("series", count=20, last_at=1000.0, listening_since=0.0)


def promised(*parts: tuple[Promise, int]) -> dict:
    sources = {promise.source: 0 for promise, _ in parts}
    for promise, present in parts:
        sources[promise.source] += present
    return {"present": parts, "promising": tuple(sources.items()), "count": max(sources.values())}


WHOLE = Promise(20, "NumberOfSeriesRelatedInstances")
ACQUISITION = Promise(20, "ImagesInAcquisition", "acquisition 1")


def slices(*present: int) -> dict:
    return promised(
        *((Promise(20, "CardiacNumberOfImages", f"slice 0\\0\\{n}"), here) for n, here in enumerate(present))
    )


def test_silence_completes_at_its_last_moment_and_not_before():
    before, at = judge(SERIES, 1009.999, QUIET_S), judge(SERIES, 1010.0, QUIET_S)
    assert not before.complete
    assert before.due_at == 1010.0
    assert before.reason == "waits for 10 s without a new instance; 20 here"
    assert at.complete
    assert at.reason == "10 s without a new instance (last of 20 at 1970-01-01 00:16:40 UTC)"


def test_silence_counts_only_while_somebody_listened():
    restarted = replace(SERIES, listening_since=5000.0)
    assert not judge(restarted, 5009.0, QUIET_S).complete
    assert judge(restarted, 5010.0, QUIET_S).complete


def test_bytes_that_still_arrive_are_no_silence():
    receiving = replace(SERIES, open_associations=1, unreleased=1, active_at=1055.0)
    assert not judge(receiving, 1060.0, QUIET_S).complete
    assert judge(receiving, 1065.0, QUIET_S).complete


def test_an_association_that_is_merely_open_holds_nothing():
    assert judge(replace(SERIES, open_associations=1, unreleased=1), 1010.0, QUIET_S).complete


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (promised((WHOLE, 20)), "20 of 20 instances that NumberOfSeriesRelatedInstances promises are here"),
        (promised((WHOLE, 20)) | {"associations": 20}, "20 of 20 instances that NumberOfSeriesRelatedInstances"),
        (promised((ACQUISITION, 20)), "20 of 20 instances that ImagesInAcquisition promises are here"),
        (slices(20, 20, 20), "each of 3 slices has the 20 instances that CardiacNumberOfImages promises"),
    ],
)
def test_a_kept_promise_and_a_release_complete_at_once(evidence, reason):
    verdict = judge(replace(SERIES, **evidence), 1000.0, QUIET_S)
    assert verdict.complete
    assert verdict.reason.startswith(f"association closed and {reason}")


@pytest.mark.parametrize(
    "evidence",
    [
        {},  # no promise
        promised((WHOLE, 19)),
        promised((WHOLE, 21)),  # the promise was wrong
        promised((WHOLE, 20)) | {"open_associations": 1, "unreleased": 1},
        promised((WHOLE, 20)) | {"unreleased": 1},  # aborted, or lost by a restart
        promised((WHOLE, 20)) | {"count": 21},  # one instance promises nothing
        slices(20, 20, 19),
        slices(20) | {"associations": 20},  # one association per image: the next slice may be on its way
        promised((ACQUISITION, 20)) | {"associations": 2},
        promised((ACQUISITION, 20), (replace(WHOLE, count=60), 20)),  # two promises that disagree
    ],
)
def test_doubtful_evidence_waits_for_silence(evidence):
    assert not judge(replace(SERIES, **evidence), 1000.0, QUIET_S).complete
    assert judge(replace(SERIES, **evidence), 1010.0, QUIET_S).complete


def test_what_is_missing_is_said_while_it_waits():
    evidence = replace(SERIES, **slices(20, 14), open_associations=1, unreleased=1)
    assert judge(evidence, 1000.0, QUIET_S).reason == (
        "waits for 10 s without a new instance; 34 here, 14 of 20 of slice 0\\0\\1 that CardiacNumberOfImages "
        "promises, association open"
    )


def test_a_study_waits_for_its_open_series():
    study = replace(SERIES, kind="study", open_series=2)
    verdict = judge(study, 2000.0, QUIET_S)
    assert not verdict.complete
    assert verdict.reason == "waits for 2 open series and 10 s without a new instance"
    assert judge(replace(study, open_series=0), 2000.0, QUIET_S).complete


def test_no_promise_completes_a_study_early():
    assert not judge(replace(SERIES, kind="study", **promised((WHOLE, 20))), 1000.0, QUIET_S).complete


class Rows:
    """A database with one association, and instances put in as reception does."""

    def __init__(self, path) -> None:
        self.database = Database(path / "node.db")
        with self.database.transaction() as connection:
            self.association = intake.open_association(connection, intake.Association("CT", "NODE", "127.0.0.1", 0.0))

    def arrive(self, number: int, at: float, series: str = "1.2.3", **values) -> None:
        instance = ReceivedInstance(
            f"{series}.{number}", "1.2", "1.2.1", "1.2", series, f"inbox/{series}.{number}", 1, "s", at,
            self.association, "CT", "NODE", None,
        )  # fmt: skip
        with self.database.transaction() as connection:
            intake.register(connection, replace(instance, **values))

    def close(self, at: float, how: str = "released") -> None:
        with self.database.transaction() as connection:
            intake.close_association(connection, self.association, at, how)

    def unit(self, kind: str, uid: str = "1.2.3") -> dict:
        ((row),) = self.database.query("SELECT * FROM units WHERE kind = ? AND uid = ?", (kind, uid))
        return dict(row)

    def assembler(self, listening_since: float = 0.0) -> Assembler:
        settings = NodeSettings(series_complete_after_s=10.0, study_complete_after_s=60.0)
        return Assembler(self.database, settings, listening_since)


@pytest.fixture
def rows(tmp_path):
    made = Rows(tmp_path)
    yield made
    made.database.close()


def test_series_then_study_complete_by_silence(rows):
    rows.arrive(1, 100.0)
    rows.arrive(2, 104.0)
    assembler = rows.assembler()
    assert assembler.tick(110.0) == []
    assert rows.unit("series")["reason"] == "waits for 10 s without a new instance; 2 here, association open"
    (series,) = assembler.tick(114.0)
    assert (series.kind, series.uid, series.revision) == ("series", "1.2.3", 1)
    assert assembler.tick(163.9) == []
    (study,) = assembler.tick(164.0)
    assert (study.kind, study.uid, study.revision) == ("study", "1.2", 1)
    assert rows.unit("study", "1.2")["reason"].startswith("60 s without a new instance (last of 2 at")
    assert assembler.tick(1000.0) == []


def test_a_late_instance_makes_the_next_revision(rows):
    rows.arrive(1, 100.0)
    assembler = rows.assembler()
    assembler.tick(110.0)
    with rows.database.transaction() as connection:
        connection.execute("UPDATE units SET state = 'routed', matched = 1")
    rows.arrive(2, 500.0)
    unit = rows.unit("series")
    assert (unit["state"], unit["completed_at"], unit["revision"], unit["matched"]) == ("open", None, 1, 1)
    assert assembler.tick(509.0) == []
    (again,) = [unit for unit in assembler.tick(510.0) if unit.kind == "series"]
    assert again.revision == 2
    assert "last of 2 at" in again.reason


def test_released_with_all_that_was_promised_completes_at_once(rows):
    promises = (Promise(2, "ImagesInAcquisition", "acquisition 1"),)
    rows.arrive(1, 100.0, promises=promises)
    rows.arrive(2, 100.1, promises=promises)
    assembler = rows.assembler()
    assert assembler.tick(100.2) == []
    rows.close(100.3)
    (series,) = assembler.tick(100.4)
    assert series.reason == "association closed and 2 of 2 instances that ImagesInAcquisition promises are here"


@pytest.mark.parametrize("how", ["aborted", "lost"])
def test_an_association_that_broke_is_no_evidence(rows, how):
    rows.arrive(1, 100.0, promises=(Promise(1, "NumberOfSeriesRelatedInstances"),))
    rows.close(100.3, how)
    assert rows.assembler().tick(100.4) == []


def test_an_instance_taken_in_at_start_is_no_evidence(rows):
    rows.arrive(1, 100.0, promises=(Promise(1, "NumberOfSeriesRelatedInstances"),), association_id=None)
    rows.close(100.3)
    assert rows.assembler().tick(100.4) == []
    assert len(rows.assembler().tick(110.0)) == 1


def test_a_large_data_set_that_still_arrives_holds_its_series_and_study(rows):
    rows.arrive(1, 100.0)
    with rows.database.transaction() as connection:
        intake.mark_active(connection, rows.association, 170.0)
    assembler = rows.assembler()
    assert assembler.tick(175.0) == []
    rows.close(176.0)
    assert [unit.kind for unit in assembler.tick(180.0)] == ["series", "study"]


def test_a_study_waits_for_its_other_series(rows):
    rows.arrive(1, 100.0)
    rows.arrive(1, 155.0, series="1.2.4")
    assembler = rows.assembler()
    assert [unit.uid for unit in assembler.tick(164.0)] == ["1.2.3"]
    assert [unit.uid for unit in assembler.tick(214.9)] == ["1.2.4"]
    assert [unit.uid for unit in assembler.tick(215.0)] == ["1.2"]


def test_excluded_instances_open_nothing_and_are_not_counted(rows):
    rows.arrive(1, 100.0, series="1.2.9", excluded="no image: Segmentation Storage")
    assert rows.database.query("SELECT * FROM units") == []
    rows.arrive(1, 100.0)
    rows.arrive(2, 105.0, excluded="own output: a result of job 1")
    (series,) = rows.assembler().tick(110.0)
    assert "last of 1 at" in series.reason


def test_state_survives_a_restart_but_silence_begins_anew(rows, tmp_path):
    rows.arrive(1, 100.0)
    rows.database.close()
    rows.database = Database(tmp_path / "node.db")
    restarted = rows.assembler(listening_since=500.0)
    assert restarted.tick(509.0) == []
    assert [unit.uid for unit in restarted.tick(510.0)] == ["1.2.3"]


def test_a_reload_changes_the_quiet_time_of_open_units(rows):
    rows.arrive(1, 100.0)
    assembler = rows.assembler()
    assert assembler.tick(103.0) == []
    assembler.reload(NodeSettings(series_complete_after_s=3.0))
    assert len(assembler.tick(103.0)) == 1
