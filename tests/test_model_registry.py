"""Models of a node: what is in use follows from acts, candidates must beat it, and waiting jobs take what is in use."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from dicom_node.comparison import ComparedFigure, Comparison
from dicom_node.database import Database
from dicom_node.errors import ModelError, UsageError
from dicom_node.figures import Interval
from dicom_node.jobs import AnalyseWork, Queue
from dicom_node.model_registry import ModelRegistry
from dicom_node.testing import FakeClock

pytest.importorskip("onnx", reason="the extra test brings onnx")
from tests.fake_scale import write_model

WORK = AnalyseWork("rule", "scale", {}, "series", "1.2", 1, ("1.2.3",), ("archive",), 60.0, 512, "quiet")


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "node.db")
    yield made
    made.close()


@pytest.fixture
def registry(database, tmp_path) -> ModelRegistry:
    """With the candidates 2.0 and 3.0."""
    made = ModelRegistry(database, tmp_path, FakeClock())
    for factor in (2.0, 3.0):
        write_model(tmp_path / f"new_{factor}", factor, str(factor))
        made.add("scale", tmp_path / f"new_{factor}", "Anna")
    return made


def comparison(difference: float) -> Comparison:
    value = Interval(0.5 + difference, 0.5 + difference, 0.5 + difference)
    figure = ComparedFigure(
        "kappa", "higher", 9, 9, Interval(0.4, 0.5, 0.6), value, Interval(difference, difference, difference)
    )
    return Comparison((figure,), ("case-1",))


def put(database: Database, **changes) -> int:
    with database.transaction() as connection:
        return Queue(database).put_analyse(connection, replace(WORK, **changes))


def models_of(database: Database, job_id: int) -> tuple[str, str]:
    job = Queue(database).get(job_id)
    return job.state, job.work.models


def test_a_set_of_models_is_copied_and_then_no_longer_the_person_s_folder(registry, tmp_path):
    (tmp_path / "new_2.0" / "scale.onnx").write_bytes(b"other")
    folder = registry.folder_of("scale", "2.0")
    assert (folder / "scale.onnx").read_bytes() != b"other"
    assert registry.folder_of("scale", "") is None
    assert [(found.version, found.state) for found in registry.sets("scale")] == [
        ("2.0", "candidate"),
        ("3.0", "candidate"),
    ]


def test_what_was_changed_on_disk_is_not_run(registry, tmp_path):
    (tmp_path / "models/scale/2.0/scale.onnx").write_bytes(b"other")
    with pytest.raises(ModelError, match="has sha256"):
        registry.folder_of("scale", "2.0")
    write_model(tmp_path / "models/scale/3.0", 5.0, "3.0")  # whole, but not what was added
    with pytest.raises(ModelError, match="no longer those that were added"):
        registry.folder_of("scale", "3.0")


def test_a_name_belongs_to_one_set(registry, tmp_path):
    again = registry.add("scale", tmp_path / "new_2.0", "Anna")
    assert again.version == "2.0"
    assert len(registry.sets("scale")) == 2
    with pytest.raises(UsageError, match=r"other models named 2\.0"):
        registry.add("scale", tmp_path / "new_3.0", "Anna", version="2.0")
    with pytest.raises(UsageError, match="no name for a set"):
        registry.add("scale", tmp_path / "new_3.0", "Anna", version="../up")


def test_a_folder_with_a_file_that_is_not_the_manifest_s_is_refused(registry, tmp_path):
    write_model(tmp_path / "bad", 4.0, "4.0")
    (tmp_path / "bad" / "scale.onnx").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"scale\.onnx of bad has sha256"):
        registry.add("scale", tmp_path / "bad", "Anna")
    assert len(registry.sets("scale")) == 2


def test_promotion_needs_a_comparison_with_what_is_in_use_that_was_won(registry):
    with pytest.raises(UsageError, match="never compared with built-in"):
        registry.promote("scale", "2.0", "Anna")
    registry.keep_comparison("scale", "2.0", "", comparison(-0.1))
    with pytest.raises(UsageError, match=r"does not beat built-in.* 0\.4 against 0\.5 on 9 held-out cases"):
        registry.promote("scale", "2.0", "Anna")
    registry.keep_comparison("scale", "2.0", "", comparison(0.0))
    with pytest.raises(UsageError, match="does not beat"):
        registry.promote("scale", "2.0", "Anna")
    registry.keep_comparison("scale", "2.0", "", comparison(0.1))
    registry.promote("scale", "2.0", "Anna")
    assert registry.in_use("scale") == "2.0"
    registry.keep_comparison("scale", "3.0", "", comparison(0.1))
    with pytest.raises(UsageError, match=r"never compared with 2\.0"):
        registry.promote("scale", "3.0", "Anna")


def test_force_needs_a_reason_which_is_kept(registry):
    registry.promote("scale", "2.0", "Anna", force_reason="the scanner is new")
    act = registry.acts("scale")[-1]
    assert (act.act, act.person, act.reason, act.comparison_id) == ("promoted", "Anna", "the scanner is new", None)


def test_rollbacks_go_back_promotion_by_promotion_to_the_built_in_models(registry):
    for version in ("2.0", "3.0", "2.0"):
        registry.promote("scale", version, "Anna", "because")
    assert [registry.rollback("scale", "Ben") for _ in range(3)] == ["3.0", "2.0", ""]
    with pytest.raises(UsageError, match="nothing to roll back"):
        registry.rollback("scale", "Ben")
    assert {found.state for found in registry.sets("scale")} == {"retired"}


def test_acts_cannot_be_changed_or_removed(registry, database):
    for statement in ("UPDATE model_acts SET person = 'Ben'", "DELETE FROM model_acts"):
        with pytest.raises(sqlite3.IntegrityError, match="kept"), database.transaction() as connection:
            connection.execute(statement)


def test_a_waiting_job_takes_the_models_that_are_in_use(registry, database):
    job_id, other = put(database), put(database, algorithm="another")
    registry.promote("scale", "2.0", "Anna", "because")
    assert models_of(database, job_id) == ("waiting", "2.0")
    assert models_of(database, other) == ("waiting", "")
    registry.rollback("scale", "Anna")
    assert models_of(database, job_id) == ("waiting", "")


def test_other_models_are_other_work_and_the_same_models_are_not(registry, database):
    queue = Queue(database)
    first = put(database)
    queue.finish(queue.claim("analyse"))
    assert put(database) is None
    registry.promote("scale", "2.0", "Anna", "because")
    again = put(database, models="2.0")
    assert again not in (None, first)
    registry.rollback("scale", "Anna")  # now it would be the first one's work again
    state, _ = models_of(database, again)
    assert state == "cancelled"
    assert f"job {first} is the same work" in queue.get(again).error


def test_a_shadow_job_follows_a_done_job_and_leaves_no_results(registry, database):
    queue = Queue(database)
    registry.shadow_on("scale", "2.0", "Anna")
    job_id = put(database)
    queue.finish(queue.claim("analyse"))
    shadow = queue.claim("analyse")
    assert (shadow.shadow, shadow.parent_id, shadow.work.models, shadow.work.send_to) == (True, job_id, "2.0", ())
    assert shadow.priority < 0
    queue.finish(shadow)
    assert queue.claim("analyse") is None, "a shadow casts none"
    assert not database.query("SELECT * FROM deliveries WHERE job_id = ?", (shadow.id,))
    registry.shadow_off("scale", "2.0", "Anna")
    put(database, instances=("1.2.4",))
    queue.finish(queue.claim("analyse"))
    assert queue.claim("analyse") is None


def test_what_is_promoted_leaves_the_shadow(registry):
    registry.shadow_on("scale", "2.0", "Anna")
    with pytest.raises(UsageError, match="already"):
        registry.shadow_on("scale", "2.0", "Anna")
    assert [found.shadow for found in registry.sets("scale")] == [True, False]
    registry.promote("scale", "2.0", "Anna", "because")
    assert not registry.get("scale", "2.0").shadow
    with pytest.raises(UsageError, match="in the shadow of what is in use"):
        registry.shadow_on("scale", "2.0", "Anna")
