"""The node's memory: one SQLite file (WAL, synchronous=FULL), its schema and how it is opened.

A commit here is the moment at which something is promised: an instance received, a job put, a result made,
an object delivered. Times are seconds since the epoch (UTC). Paths are relative to ``data_dir``.

    associations 1─* instances *─ units (series or study) 1─* routings 1─* jobs(analyse) 1─* results
                     set_aside                                             └─* jobs(deliver) 1─* deliveries
    jobs(analyse) 1─? reviews 1─* review_acts 1─1 cases; reviews 1─? jobs(report) 1─* results, 1─* jobs(deliver)
    model_sets 1─* model_acts *─? model_comparisons          candidate_runs
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicom_node.errors import StorageError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE associations (
        id          INTEGER PRIMARY KEY,
        calling_ae  TEXT NOT NULL,
        called_ae   TEXT NOT NULL,
        address     TEXT NOT NULL,
        opened_at   REAL NOT NULL,
        active_at   REAL,                       -- bytes of a data set still arrived (written once a second)
        closed_at   REAL,
        closed_how  TEXT                        -- released | aborted | lost (the node stopped while it was open)
    );

    -- what was acknowledged; the row is committed after the bytes are on disk and before the response is sent
    CREATE TABLE instances (
        sop_instance_uid    TEXT PRIMARY KEY,
        sop_class_uid       TEXT NOT NULL,
        transfer_syntax_uid TEXT NOT NULL,
        study_uid           TEXT NOT NULL,
        series_uid          TEXT NOT NULL,
        path                TEXT NOT NULL UNIQUE,
        size_bytes          INTEGER NOT NULL,
        sha256              TEXT NOT NULL,      -- of the data set as it came, without file meta information
        received_at         REAL NOT NULL,
        association_id      INTEGER REFERENCES associations(id),
        calling_ae          TEXT NOT NULL DEFAULT '',
        called_ae           TEXT NOT NULL DEFAULT '',
        excluded            TEXT,               -- why it is never routed (own output, no image ...); NULL = routed
        expected            TEXT                -- JSON of intake.Promise: how many the header promises, or NULL
    );
    -- they hold what assembly asks five times a second, so that it reads no row of a series of many thousands
    CREATE INDEX instances_by_series ON instances(series_uid, excluded, expected, association_id);
    CREATE INDEX instances_by_study ON instances(study_uid, excluded, series_uid, association_id);
    CREATE INDEX instances_by_association ON instances(association_id);

    -- what was kept but cannot be used: never lost, always listed
    CREATE TABLE set_aside (
        id                  INTEGER PRIMARY KEY,
        kind                TEXT NOT NULL,      -- undecodable | conflict (UID known, other bytes) | quarantined
        reason              TEXT NOT NULL,
        path                TEXT NOT NULL,
        size_bytes          INTEGER NOT NULL,
        sha256              TEXT NOT NULL,
        sop_class_uid       TEXT NOT NULL DEFAULT '',
        sop_instance_uid    TEXT NOT NULL DEFAULT '',
        calling_ae          TEXT NOT NULL DEFAULT '',
        job_id              INTEGER,
        at                  REAL NOT NULL,
        times_seen          INTEGER NOT NULL DEFAULT 1,
        UNIQUE (kind, sha256, sop_instance_uid)
    );

    -- series and studies under assembly; both kinds are kept for every instance
    CREATE TABLE units (
        id              INTEGER PRIMARY KEY,
        kind            TEXT NOT NULL CHECK (kind IN ('series', 'study')),
        uid             TEXT NOT NULL,
        state           TEXT NOT NULL CHECK (state IN ('open', 'complete', 'routed')),
        revision        INTEGER NOT NULL DEFAULT 0,     -- counts completions; 1 = first
        first_at        REAL NOT NULL,
        last_at         REAL NOT NULL,
        completed_at    REAL,
        reason          TEXT NOT NULL DEFAULT '',       -- why it is complete, or what it waits for
        matched         INTEGER,                        -- rules that matched at the last routing; NULL = never routed
        UNIQUE (kind, uid)
    );
    CREATE INDEX units_by_state ON units(state);

    -- one routing of one revision: what every rule said
    CREATE TABLE routings (
        id          INTEGER PRIMARY KEY,
        unit_id     INTEGER NOT NULL REFERENCES units(id),
        revision    INTEGER NOT NULL,
        at          REAL NOT NULL,
        trace       TEXT NOT NULL,                      -- JSON, the form that `explain --json` prints
        UNIQUE (unit_id, revision)
    );

    CREATE TABLE jobs (
        id              INTEGER PRIMARY KEY AUTOINCREMENT,
        kind            TEXT NOT NULL CHECK (kind IN ('analyse', 'deliver')),
        key             TEXT NOT NULL UNIQUE,           -- the same work has the same key: a second put changes nothing
        lane            TEXT NOT NULL DEFAULT '',       -- deliver: the peer's name; analyse: ''
        state           TEXT NOT NULL CHECK (state IN
                            ('waiting', 'running', 'done', 'unsuitable', 'failed', 'parked', 'cancelled')),
        priority        INTEGER NOT NULL DEFAULT 0,     -- higher first
        not_before      REAL NOT NULL DEFAULT 0,
        attempts        INTEGER NOT NULL DEFAULT 0,
        kills           INTEGER NOT NULL DEFAULT 0,     -- times the job took its worker down
        created_at      REAL NOT NULL,                  -- also the content time of every result object
        started_at      REAL,
        finished_at     REAL,
        lease_until     REAL,                           -- on the machine's monotonic clock
        worker          TEXT,                           -- who holds the lease: a token, new for each claim
        cancel_asked    INTEGER NOT NULL DEFAULT 0,
        progress        REAL NOT NULL DEFAULT 0,
        doing           TEXT NOT NULL DEFAULT '',
        error_class     TEXT,
        error           TEXT,                           -- the full reason of the last failure
        payload         TEXT NOT NULL,                  -- JSON of AnalyseWork or DeliverWork
        parent_id       INTEGER REFERENCES jobs(id),    -- deliver: the analyse job whose results it sends
        predecessor_id  INTEGER REFERENCES jobs(id)     -- analyse: the job of the revision before
    );
    CREATE INDEX jobs_to_claim ON jobs(state, kind, lane, priority, id);
    CREATE INDEX jobs_by_parent ON jobs(parent_id);

    CREATE TABLE job_events (
        id      INTEGER PRIMARY KEY,
        job_id  INTEGER NOT NULL REFERENCES jobs(id),
        at      REAL NOT NULL,
        what    TEXT NOT NULL,                          -- put | claimed | retried | failed | killed | done | ...
        text    TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX job_events_by_job ON job_events(job_id);

    -- objects in the outbox, checked and ready
    CREATE TABLE results (
        sop_instance_uid    TEXT PRIMARY KEY,
        job_id              INTEGER NOT NULL REFERENCES jobs(id),
        role                TEXT NOT NULL,
        study_uid           TEXT NOT NULL,
        series_uid          TEXT NOT NULL,
        sop_class_uid       TEXT NOT NULL,
        transfer_syntax_uid TEXT NOT NULL,
        path                TEXT NOT NULL,
        size_bytes          INTEGER NOT NULL,
        sha256              TEXT NOT NULL
    );
    CREATE INDEX results_by_job ON results(job_id);

    -- what each peer said of each object
    CREATE TABLE deliveries (
        job_id              INTEGER NOT NULL REFERENCES jobs(id),      -- the deliver job
        sop_instance_uid    TEXT NOT NULL,                             -- as sent (a fallback has its own)
        role                TEXT NOT NULL,
        sop_class_uid       TEXT NOT NULL,
        state               TEXT NOT NULL CHECK (state IN
                                ('waiting', 'sending', 'delivered', 'refused', 'skipped')),
        status              INTEGER,                                   -- the C-STORE status
        reason              TEXT NOT NULL DEFAULT '',
        attempts            INTEGER NOT NULL DEFAULT 0,
        at                  REAL,
        PRIMARY KEY (job_id, sop_instance_uid)
    );
    """,
    """
    -- every reviewed result; its files stay where they are: sources in the inbox, the draft in outbox/<job id>
    CREATE TABLE cases (
        id                  INTEGER PRIMARY KEY,
        job_id              INTEGER NOT NULL REFERENCES jobs(id),
        act_id              INTEGER NOT NULL UNIQUE,    -- of review_acts: what was changed, and the conclusion
        algorithm           TEXT NOT NULL,
        algorithm_version   TEXT NOT NULL,
        models              TEXT NOT NULL,              -- JSON of result.json's models: what made the draft
        outcome             TEXT NOT NULL CHECK (outcome IN ('accepted', 'corrected', 'rejected')),
        created_s           REAL NOT NULL
    );
    CREATE INDEX cases_by_algorithm ON cases(algorithm, id);
    """,
    """
    -- sets of models beside those that come with an algorithm; which is in use follows from model_acts alone
    CREATE TABLE model_sets (
        algorithm   TEXT NOT NULL,
        version     TEXT NOT NULL,
        folder      TEXT NOT NULL,                      -- relative to data_dir
        sha256      TEXT NOT NULL,                      -- over the manifest and every file that it names
        models      TEXT NOT NULL,                      -- JSON: name, version, sha256 of each
        origin      TEXT NOT NULL DEFAULT '',           -- where it came from, in words
        added_s     REAL NOT NULL,
        PRIMARY KEY (algorithm, version)
    );

    -- candidate against what was in use, on cases that neither was trained on
    CREATE TABLE model_comparisons (
        id          INTEGER PRIMARY KEY,
        algorithm   TEXT NOT NULL,
        candidate   TEXT NOT NULL,
        in_use      TEXT NOT NULL,                      -- '' = those that come with the algorithm
        at_s        REAL NOT NULL,
        cases       TEXT NOT NULL,                      -- JSON list of case ids
        figures     TEXT NOT NULL,                      -- JSON of comparison.Comparison
        beats       INTEGER NOT NULL                    -- whether the deciding figure is better
    );

    CREATE TABLE model_acts (
        id              INTEGER PRIMARY KEY,
        algorithm       TEXT NOT NULL,
        version         TEXT NOT NULL,
        act             TEXT NOT NULL CHECK (act IN ('added', 'promoted', 'rolled back', 'shadow on', 'shadow off')),
        person          TEXT NOT NULL,
        reason          TEXT NOT NULL DEFAULT '',
        comparison_id   INTEGER REFERENCES model_comparisons(id),
        at_s            REAL NOT NULL
    );
    CREATE INDEX model_acts_by_algorithm ON model_acts(algorithm, id);
    CREATE TRIGGER model_acts_stay BEFORE UPDATE ON model_acts
        BEGIN SELECT RAISE(ABORT, 'acts on models are kept as they were'); END;
    CREATE TRIGGER model_acts_last BEFORE DELETE ON model_acts
        BEGIN SELECT RAISE(ABORT, 'acts on models are kept for ever'); END;

    -- candidates that the node prepares by itself; the folder lets an interrupted training go on
    CREATE TABLE candidate_runs (
        id          INTEGER PRIMARY KEY,
        algorithm   TEXT NOT NULL,
        begun_s     REAL NOT NULL,
        ended_s     REAL,
        state       TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
        last_case   INTEGER NOT NULL,                   -- the newest case that it saw
        cases       INTEGER NOT NULL,                   -- how many there were
        folder      TEXT NOT NULL,                      -- relative to data_dir
        version     TEXT NOT NULL DEFAULT '',           -- of the candidate that came of it
        reason      TEXT NOT NULL DEFAULT ''            -- why it failed
    );
    """,
    """
    -- jobs as before, without a list of kinds: those that there are is said by job.py, which refuses any other
    CREATE TABLE new_jobs (
        id              INTEGER PRIMARY KEY AUTOINCREMENT,
        kind            TEXT NOT NULL,                  -- analyse | deliver | report
        key             TEXT NOT NULL UNIQUE,           -- the same work has the same key: a second put changes nothing
        lane            TEXT NOT NULL DEFAULT '',       -- deliver: the peer's name; others: ''
        state           TEXT NOT NULL CHECK (state IN
                            ('waiting', 'running', 'done', 'unsuitable', 'failed', 'parked', 'cancelled')),
        priority        INTEGER NOT NULL DEFAULT 0,     -- higher first
        not_before      REAL NOT NULL DEFAULT 0,
        attempts        INTEGER NOT NULL DEFAULT 0,
        kills           INTEGER NOT NULL DEFAULT 0,     -- times the job took its worker down
        created_at      REAL NOT NULL,                  -- also the content time of every result object
        started_at      REAL,
        finished_at     REAL,
        lease_until     REAL,                           -- on the machine's monotonic clock
        worker          TEXT,                           -- who holds the lease: a token, new for each claim
        cancel_asked    INTEGER NOT NULL DEFAULT 0,
        progress        REAL NOT NULL DEFAULT 0,
        doing           TEXT NOT NULL DEFAULT '',
        error_class     TEXT,
        error           TEXT,                           -- the full reason of the last failure
        payload         TEXT NOT NULL,                  -- JSON of AnalyseWork, DeliverWork or ReportWork
        parent_id       INTEGER REFERENCES jobs(id),    -- deliver: whose results it sends; report: what was reviewed
        predecessor_id  INTEGER REFERENCES jobs(id)     -- analyse: the revision before; report: what was reviewed
    );
    INSERT INTO new_jobs SELECT * FROM jobs;
    DROP TABLE jobs;
    ALTER TABLE new_jobs RENAME TO jobs;
    CREATE INDEX jobs_to_claim ON jobs(state, kind, lane, priority, id);
    CREATE INDEX jobs_by_parent ON jobs(parent_id);
    CREATE INDEX jobs_by_predecessor ON jobs(predecessor_id);

    -- drafts that a person must judge, and what became of them; the row comes with the results
    CREATE TABLE reviews (
        job_id          INTEGER PRIMARY KEY REFERENCES jobs(id),        -- the analysis
        state           TEXT NOT NULL CHECK (state IN
                            ('pending', 'accepted', 'corrected', 'rejected', 'superseded')),
        version         INTEGER NOT NULL DEFAULT 1,     -- counts changes of this row: who saw an older one is refused
        draft           TEXT NOT NULL CHECK (draft IN ('sent', 'held')),
        on_reject       TEXT NOT NULL CHECK (on_reject IN ('key_object', 'nothing')),
        opened_s        REAL NOT NULL,
        decided_s       REAL,
        outcome_job_id  INTEGER REFERENCES jobs(id)     -- the report job; superseded: the analysis of the revision
    );
    CREATE INDEX reviews_by_state ON reviews(state, job_id);

    -- what persons did, in their words
    CREATE TABLE review_acts (
        id                      INTEGER PRIMARY KEY,
        job_id                  INTEGER NOT NULL REFERENCES reviews(job_id),
        version                 INTEGER NOT NULL,       -- of the review, as the person saw it
        at_s                    REAL NOT NULL,
        act                     TEXT NOT NULL CHECK (act IN ('accepted', 'corrected', 'rejected')),
        reviewer_name           TEXT NOT NULL,
        reviewer_role           TEXT NOT NULL,
        reviewer_organisation   TEXT NOT NULL,
        conclusion              TEXT NOT NULL,          -- rejected: the reason
        changes                 TEXT NOT NULL,          -- JSON: [{key, from, to, because}]
        UNIQUE (job_id, version)
    );
    CREATE TRIGGER review_acts_stay BEFORE UPDATE ON review_acts
        BEGIN SELECT RAISE(ABORT, 'acts of a review are kept as they were'); END;
    CREATE TRIGGER review_acts_last BEFORE DELETE ON review_acts
        BEGIN SELECT RAISE(ABORT, 'acts of a review are kept for ever'); END;
    """,
)

BUSY_TIMEOUT_S = 30.0


class Database:
    """One SQLite file, opened once per thread. Safe to hand to many threads; open anew in each process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._writing = threading.RLock()  # SQLite allows one writer; threads wait here in turn, not by its polling
        self._migrate()

    def _connection(self) -> sqlite3.Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            try:
                connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            except sqlite3.OperationalError as error:
                raise StorageError(f"the database {self.path.name} cannot be opened: {error}") from error
            connection.row_factory = sqlite3.Row
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA foreign_keys=ON")
            except sqlite3.DatabaseError as error:
                connection.close()
                raise StorageError(f"the database {self.path.name} cannot be opened: {error}") from error
            self._local.connection = connection
        return connection

    def _migrate(self) -> None:
        """Brings the schema up to date, all of it or nothing.

        A table that others refer to is replaced while references are not enforced, and they are all checked before
        the commit: sqlite.org/lang_altertable.html, section 7. That switch has no effect inside a transaction.
        """
        self._connection().execute("PRAGMA foreign_keys=OFF")
        try:
            self._run_migrations()
        finally:
            self._connection().execute("PRAGMA foreign_keys=ON")

    def _run_migrations(self) -> None:
        with self.transaction() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise StorageError(
                    f"the database {self.path.name} is of a newer dicom-node (schema {version}, this one knows "
                    f"{len(MIGRATIONS)}): start the newer version"
                )
            for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={number}")
            if version < len(MIGRATIONS) and connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise StorageError(
                    f"the database {self.path.name} (schema {version}) has rows that refer to nothing, and is left as "
                    "it is: restore it from a backup"
                )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: all or nothing, durable when the block ends. Not to be nested.

        Raises:
            StorageError: the disk refused (full, read-only, failing); nothing was changed.
        """
        connection = self._connection()
        with self._writing, self._refusals("refused"):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    connection.execute("ROLLBACK")
                raise

    def query(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Rows of a read.

        Raises:
            StorageError: the disk refused.
        """
        connection = self._connection()
        with self._refusals("could not be read"):
            return connection.execute(sql, parameters).fetchall()

    @contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        """Turns what the disk does into StorageError: an operation that failed, a file that is no database any more.

        A broken constraint is a mistake of this software, and stays what it is.
        """
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
                raise StorageError(f"the database {self.path.name} {what}: {error}") from error
            raise

    def close(self) -> None:
        """Closes this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
