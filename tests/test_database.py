"""Transactions: all or nothing, one writer at a time, and what the disk refuses."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from dicom_node import database
from dicom_node.database import Database
from dicom_node.errors import StorageError

INSERT = "INSERT INTO associations (calling_ae, called_ae, address, opened_at) VALUES ('CT', 'NODE', ?, 0)"


@pytest.fixture
def opened(tmp_path):
    made = Database(tmp_path / "node.db")
    yield made
    made.close()


def test_a_commit_is_a_promise(opened):
    assert opened.query("PRAGMA journal_mode")[0][0] == "wal"
    assert opened.query("PRAGMA synchronous")[0][0] == 2  # FULL


def test_threads_write_in_turn_and_never_find_the_database_locked(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.0)  # who comes to SQLite while another writes fails at once
    opened = Database(tmp_path / "node.db")

    def write(name: str) -> None:
        with opened.transaction() as connection:
            connection.execute(INSERT, (name,))
        opened.close()

    with ThreadPoolExecutor(4) as pool:
        with opened.transaction() as connection:
            connection.execute(INSERT, ("first",))
            others = [pool.submit(write, f"{number}") for number in range(4)]
            assert not wait(others, timeout=0.2).done
        for other in others:
            other.result()
    assert len(opened.query("SELECT * FROM associations")) == 5
    opened.close()


def test_another_process_that_writes_is_waited_for_and_then_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.0)
    opened, other = Database(tmp_path / "node.db"), sqlite3.connect(tmp_path / "node.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="refused: database is locked"), opened.transaction():
        pass
    other.execute("ROLLBACK")
    with opened.transaction() as connection:
        connection.execute(INSERT, ("here",))
    other.close()
    opened.close()


def test_a_commit_that_fails_changes_nothing_and_the_next_one_works(opened):
    def write_an_orphan() -> None:
        with opened.transaction() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")  # so that it is the commit that fails
            connection.execute("INSERT INTO job_events (job_id, at, what) VALUES (99, 0, 'put')")

    with pytest.raises(sqlite3.IntegrityError):
        write_an_orphan()
    with opened.transaction() as connection:
        connection.execute(INSERT, ("here",))
    assert opened.query("SELECT * FROM job_events") == []


def test_a_full_disk_is_a_storage_error_and_changes_nothing(opened):
    (pages,) = opened.query("PRAGMA page_count")[0]
    opened.query(f"PRAGMA max_page_count = {pages}")
    rows = [(f"{number}" * 100,) for number in range(1000)]
    with pytest.raises(StorageError, match="full"), opened.transaction() as connection:
        connection.executemany(INSERT, rows)
    assert opened.query("SELECT * FROM associations") == []
    opened.query(f"PRAGMA max_page_count = {pages + 100}")
    with opened.transaction() as connection:
        connection.execute(INSERT, ("here",))


def test_a_file_that_is_no_database_is_a_storage_error(tmp_path):
    (tmp_path / "node.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match=r"node\.db cannot be opened: file is not a database"):
        Database(tmp_path / "node.db")


def test_a_newer_schema_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "node.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError, match="newer dicom-node"):
        Database(tmp_path / "node.db")


def of_schema(path, version: int) -> sqlite3.Connection:
    """A database as that version of the schema made it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("".join(database.MIGRATIONS[:version]))
    connection.execute(f"PRAGMA user_version = {version}")
    return connection


PUT = "INSERT INTO jobs (kind, key, state, created_at, payload, parent_id) VALUES (?, ?, 'done', 5, '{}', ?)"


def test_jobs_and_what_refers_to_them_outlive_the_migration_to_reports(tmp_path):
    old = of_schema(tmp_path / "node.db", 3)
    old.execute(PUT, ("analyse", "a", None))
    old.execute(PUT, ("deliver", "d", 1))
    old.execute("INSERT INTO job_events (job_id, at, what) VALUES (1, 5, 'put')")
    old.execute(
        "INSERT INTO deliveries (job_id, sop_instance_uid, role, sop_class_uid, state) "
        "VALUES (2, '1.2', 'report', '1', 'delivered')"
    )
    old.close()
    opened = Database(tmp_path / "node.db")
    told = [tuple(row) for row in opened.query("SELECT id, kind, key, created_at, parent_id FROM jobs")]
    assert told == [(1, "analyse", "a", 5.0, None), (2, "deliver", "d", 5.0, 1)]
    assert opened.query("SELECT job_id FROM job_events")[0]["job_id"] == 1
    with opened.transaction() as connection:
        assert connection.execute(PUT, ("report", "r", 1)).lastrowid == 3
    with pytest.raises(sqlite3.IntegrityError), opened.transaction() as connection:
        connection.execute(PUT, ("report", "orphan", 99))  # references are enforced again
    opened.close()


def test_a_database_whose_rows_refer_to_nothing_is_not_migrated(tmp_path):
    old = of_schema(tmp_path / "node.db", 3)
    old.execute("INSERT INTO job_events (job_id, at, what) VALUES (7, 5, 'put')")
    old.close()
    for _ in range(2):
        with pytest.raises(StorageError, match=r"schema 3\) has rows that refer to nothing"):
            Database(tmp_path / "node.db")


def test_acts_of_a_review_can_neither_be_changed_nor_deleted(opened):
    with opened.transaction() as connection:
        connection.execute(PUT, ("analyse", "a", None))
        connection.execute(
            "INSERT INTO reviews (job_id, state, draft, on_reject, opened_s) "
            "VALUES (1, 'pending', 'sent', 'nothing', 5)"
        )
        connection.execute("INSERT INTO review_acts VALUES (1, 1, 1, 6, 'accepted', 'A', 'B', 'C', '', '[]')")
    for forbidden in ("UPDATE review_acts SET conclusion = 'other'", "DELETE FROM review_acts"):
        with (
            pytest.raises(sqlite3.IntegrityError, match="acts of a review are kept"),
            opened.transaction() as connection,
        ):
            connection.execute(forbidden)
