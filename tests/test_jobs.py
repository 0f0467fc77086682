"""The queue's promises on a real SQLite file, with a clock that moves only when told."""

from __future__ import annotations

import multiprocessing
import tempfile
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dicom_node import errors
from dicom_node.database import Database
from dicom_node.jobs import AnalyseWork, LeaseLost, Queue, ResultRow
from dicom_node.retry import INTERRUPTIONS_BEFORE_PARKING, BackOff
from dicom_node.testing import FakeClock

BACK_OFF = BackOff(first_s=10.0, factor=2.0, max_s=100.0, give_up_after_s=1000.0)
WORK = AnalyseWork(
    rule="a rule",
    algorithm="fake_arithmetic",
    options={"factor": 2.0},
    unit_kind="series",
    unit_uid="1.2.3",
    revision=1,
    instances=("1.2.3.4", "1.2.3.5"),
    send_to=("archive", "review"),
    time_limit_s=60.0,
    memory_limit_mib=512,
    reason="quiet for 10 s",
)


def _result(number: int, job_id: int = 1) -> ResultRow:
    path = f"outbox/{job_id}/{number}.dcm"
    return ResultRow(f"2.25.{number}", f"role_{number}", "2.25.1", "2.25.2", "1.2", "1.2.1", path, 10, "ab")


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "node.db")
    yield database
    database.close()


@pytest.fixture
def queue(database, clock):
    return Queue(database, clock, BACK_OFF, lease_clock=clock)


@pytest.fixture
def put(database, queue):
    def put(uid: str = "1.2.3", priority: int = 0, predecessor_id: int | None = None, **changes) -> int | None:
        with database.transaction() as connection:
            work = replace(WORK, unit_uid=uid, instances=(f"{uid}.4", f"{uid}.5"))
            return queue.put_analyse(connection, replace(work, **changes), priority, predecessor_id)

    return put


def _events(queue, job_id):
    return [event.what for event in queue.events(job_id)]


def test_work_comes_out_as_it_went_in(queue, put):
    job_id = put(options=MappingProxyType({"factor": 2.0, "inner": MappingProxyType({"a": 1})}))
    job = queue.claim("analyse")
    assert job.id == job_id
    assert job.work == replace(WORK, options={"factor": 2.0, "inner": {"a": 1}})
    assert (job.state, job.attempts, job.worker.startswith("node-")) == ("running", 1, True)


def test_the_same_work_is_put_once(queue, put):
    assert put() is not None
    assert put() is None
    assert put(revision=2) is None
    assert put(revision=2, instances=(*WORK.instances, "1.2.3.6")) is not None
    assert len(queue.list()) == 2


def test_a_put_that_is_rolled_back_never_was(database, queue):
    def put_and_fall():
        with database.transaction() as connection:
            queue.put_analyse(connection, WORK)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        put_and_fall()
    assert queue.list() == ()


def test_highest_priority_first_then_the_oldest(queue, put):
    ids = [put("a"), put("b", priority=5), put("c"), put("d", priority=5)]
    assert [queue.claim("analyse").id for _ in ids] == [ids[1], ids[3], ids[0], ids[2]]
    assert queue.claim("analyse") is None


def test_what_went_down_with_the_node_lets_others_go_first(queue, put):
    suspect, fresh = put("a"), put("b")
    assert queue.claim("analyse").id == suspect
    queue.release_all_running()
    assert [queue.claim("analyse").id for _ in range(2)] == [fresh, suspect]


@pytest.mark.parametrize("ending", ["done", "unsuitable", "failed", "parked", "cancelled"])
def test_a_revision_waits_for_the_one_before_it_however_that_ends(queue, put, clock, ending):
    first = put()
    second = put(revision=2, priority=9, predecessor_id=first, instances=("1.2.3.4", "1.2.3.5", "1.2.3.6"))
    for _ in range(2):
        job = queue.claim("analyse")
        assert job.id == first
        assert queue.claim("analyse") is None
        if ending == "parked":
            queue.worker_died(first, job.worker, "died")
        else:
            break
        clock.advance(0 if queue.get(first).state == "parked" else 100)
    if ending == "done":
        queue.finish(job, [_result(1)])
    elif ending == "unsuitable":
        queue.fail(job, errors.UnsuitableSeries("no"))
    elif ending == "failed":
        queue.fail(job, errors.InvalidResult("no"))
    elif ending == "cancelled":
        queue.cancel(first)
        queue.fail(job, errors.JobCancelled("seen"))
    assert queue.get(first).state == ending
    assert queue.claim("analyse").id == second


def test_finish_records_results_and_puts_one_delivery_for_each_peer(database, queue, put):
    put(priority=3, send_to=("archive", "review", "archive"))
    job = queue.claim("analyse")
    queue.finish(job, [_result(1), _result(2)])
    assert queue.get(job.id).state == "done"
    assert queue.results(job.id) == (_result(1), _result(2))
    deliveries = queue.list(kind="deliver", parent_id=job.id)
    assert {delivery.lane for delivery in deliveries} == {"archive", "review"}
    assert all(delivery.work.peer == delivery.lane and delivery.priority == 3 for delivery in deliveries)
    rows = database.query("SELECT job_id, sop_instance_uid, state FROM deliveries")
    assert sorted((row["job_id"], row["sop_instance_uid"], row["state"]) for row in rows) == sorted(
        (delivery.id, f"2.25.{number}", "waiting") for delivery in deliveries for number in (1, 2)
    )
    assert queue.claim("deliver", "archive").lane == "archive"
    assert queue.claim("deliver", "archive") is None
    assert queue.claim("deliver", "review").lane == "review"


def test_a_second_finish_changes_nothing(queue, put):
    put()
    job = queue.claim("analyse")
    queue.finish(job, [_result(1)])
    with pytest.raises(LeaseLost):
        queue.finish(job, [_result(2)])
    assert queue.results(job.id) == (_result(1),)
    assert len(queue.list(kind="deliver")) == 2


def test_objects_of_another_job_are_refused_and_nothing_is_changed(queue, put):
    put("a")
    put("b")
    first, second = queue.claim("analyse"), queue.claim("analyse")
    queue.finish(first, [_result(1)])
    with pytest.raises(errors.InvalidResult, match="already a result of job 1"):
        queue.finish(second, [_result(2), _result(1)])
    assert queue.get(second.id).state == "running"
    assert queue.results(second.id) == ()


def test_who_lost_the_lease_changes_nothing(queue, put, clock):
    put()
    slow = queue.claim("analyse", lease_s=60)
    clock.advance(61)
    assert queue.claim("analyse") is None  # taken back, waits for its next attempt
    clock.advance(100)
    fresh = queue.claim("analyse", lease_s=60)
    assert fresh.id == slow.id
    for write in (
        lambda: queue.renew(slow),
        lambda: queue.finish(slow, [_result(1)]),
        lambda: queue.fail(slow, errors.AlgorithmFailed("late")),
        lambda: queue.release(slow),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert queue.worker_died(slow.id, slow.worker, "late") is None
    assert queue.get(fresh.id) == fresh
    queue.finish(fresh, [_result(1)])
    assert queue.get(fresh.id).state == "done"


def test_renewing_keeps_the_lease_and_tells_progress(queue, put, clock):
    put()
    job = queue.claim("analyse", lease_s=60)
    for step in range(5):
        clock.advance(50)
        queue.renew(job, 60, step / 10, f"step {step}")
        assert queue.claim("analyse") is None
    seen = queue.get(job.id)
    assert (seen.progress, seen.doing, seen.state) == (0.4, "step 4", "running")


def test_a_worker_silent_twice_parks_the_job(queue, put, clock):
    job_id = put()
    for _ in range(2):
        assert queue.claim("analyse", lease_s=60).id == job_id
        clock.advance(61)
        assert queue.claim("analyse") is None
        clock.advance(100)
    job = queue.get(job_id)
    assert (job.state, job.kills) == ("parked", 2)
    assert "silent" in job.error


def test_a_delivery_whose_lease_ran_out_is_due_again_at_once(queue, put, clock):
    put(send_to=("archive",))
    queue.finish(queue.claim("analyse"), [_result(1)])
    first = queue.claim("deliver", "archive", lease_s=60)
    clock.advance(61)
    assert queue.claim("deliver", "archive").id == first.id


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_clock_that_is_set_takes_no_job_from_its_holder(database, clock, put, jump_s):
    lease_clock = FakeClock()
    queue = Queue(database, clock, BACK_OFF, lease_clock=lease_clock)
    put()
    job = queue.claim("analyse", lease_s=60)
    clock.advance(jump_s)
    lease_clock.advance(59)
    assert queue.claim("analyse") is None
    queue.renew(job, 60)
    lease_clock.advance(59)
    assert queue.claim("analyse") is None
    queue.finish(job)
    assert queue.get(job.id).kills == 0


@pytest.mark.parametrize("ending", ["failed for now", "given back", "node down", "worker died"])
def test_a_clock_that_is_set_back_does_not_keep_a_job_waiting(queue, put, clock, ending):
    put()
    job = queue.claim("analyse")
    clock.advance(5)
    if ending == "failed for now":
        queue.fail(job, errors.StorageError("full"))
    elif ending == "given back":
        queue.release(job)
    elif ending == "node down":
        queue.release_all_running()
    else:
        queue.worker_died(job.id, job.worker, "died")
    clock.advance(-3600)
    assert queue.claim("analyse").id == job.id


def test_an_algorithm_that_raises_is_tried_twice(queue, put, clock):
    job_id = put()
    queue.fail(queue.claim("analyse"), errors.AlgorithmFailed("the algorithm raised KeyError"))
    waiting = queue.get(job_id)
    assert (waiting.state, waiting.error_class) == ("waiting", "AlgorithmFailed")
    assert 8.0 <= waiting.not_before - clock() <= 12.0
    assert queue.next_due("analyse") == waiting.not_before
    assert queue.claim("analyse") is None
    clock.advance(12.1)
    queue.fail(queue.claim("analyse"), errors.AlgorithmFailed("the algorithm raised KeyError"))
    assert queue.get(job_id).state == "failed"
    assert _events(queue, job_id) == ["put", "claimed", "again later", "claimed", "failed"]


def test_the_dead_letter_tells_where_but_not_what_a_foreign_error_says(queue, put, clock):
    job_id = put()
    for _ in range(2):
        job = queue.claim("analyse")
        try:
            int("DOE^JANE")
        except ValueError as error:
            queue.fail(job, error)
        clock.advance(20)
    job = queue.get(job_id)
    assert job.error_class == "ValueError"
    assert "test_jobs.py" in job.error
    told = job.error + " ".join(event.text for event in queue.events(job_id))
    assert "DOE^JANE'" not in told.replace('int("DOE^JANE")', "")


def test_a_full_disk_is_waited_out_for_as_long_as_the_policy_says(queue, put, clock):
    job_id = put()
    clock.advance(5000)  # how long it waited before its first attempt does not count
    began = clock()
    while (job := queue.claim("analyse")) is not None:
        queue.fail(job, errors.StorageError("full"))
        clock.advance(100)
    assert queue.get(job_id).state == "failed"
    assert 800 <= clock() - began <= 1100


def test_the_peers_policy_decides_for_a_delivery(queue, put, clock):
    put(send_to=("archive",))
    queue.finish(queue.claim("analyse"), [_result(1)])
    job = queue.claim("deliver", "archive")
    queue.fail(job, errors.PeerError("away"), BackOff(1000.0, 2.0, 5000.0, 1e6))
    assert 800 <= queue.get(job.id).not_before - clock() <= 1200


def test_an_unsuitable_series_ends_at_once(queue, put):
    put()
    job = queue.claim("analyse")
    queue.fail(job, errors.UnsuitableSeries("needs 2 frames; got 1"))
    ended = queue.get(job.id)
    assert ended.state == "unsuitable"
    assert ended.error.startswith("needs 2 frames; got 1")


def test_killing_its_worker_twice_parks_and_a_person_may_retry(queue, put, clock):
    job_id = put()
    for _ in range(2):
        clock.advance(50)
        job = queue.claim("analyse")
        queue.worker_died(job.id, job.worker, "took 2.1 GiB; the limit is 1.0 GiB")
    parked = queue.get(job_id)
    assert (parked.state, parked.kills) == ("parked", 2)
    assert "2.1 GiB" in parked.error
    again = queue.retry(job_id)
    assert (again.state, again.kills, again.attempts, again.error) == ("waiting", 0, 0, None)
    assert queue.claim("analyse").id == job_id


def test_a_job_given_back_has_not_been_tried(queue, put):
    put()
    job = queue.claim("analyse")
    queue.release(job)
    back = queue.get(job.id)
    assert (back.state, back.attempts, back.kills) == ("waiting", 0, 0)
    assert queue.claim("analyse").attempts == 1


def test_at_the_start_of_the_node_nobody_is_running(queue, put):
    put("a")
    put("b")
    first, second = queue.claim("analyse"), queue.claim("analyse")
    assert queue.release_all_running() == 2
    with pytest.raises(LeaseLost):
        queue.finish(first, [_result(1)])
    assert {queue.claim("analyse").id, queue.claim("analyse").id} == {first.id, second.id}
    assert queue.get(first.id).kills == 0


def test_a_job_that_goes_down_with_the_node_every_time_is_parked(queue, put):
    job_id = put()
    for _ in range(INTERRUPTIONS_BEFORE_PARKING):
        assert queue.claim("analyse").id == job_id
        queue.release_all_running()
    assert queue.get(job_id).state == "parked"


def test_cancel_waiting(queue, put):
    job = queue.cancel(put())
    assert job.state == "cancelled"
    assert queue.claim("analyse") is None
    assert queue.retry(job.id).state == "waiting"


@pytest.mark.parametrize("ending", ["told", "killed", "given back", "node down", "lease ran out"])
def test_cancel_running_however_it_ends(queue, put, clock, ending):
    put()
    job = queue.claim("analyse", lease_s=60)
    assert queue.cancel(job.id).state == "running"
    assert queue.leases()[0].cancel_asked
    with pytest.raises(errors.JobCancelled):
        queue.renew(job)
    if ending == "told":
        queue.fail(job, errors.JobCancelled("seen"))
    elif ending == "killed":
        queue.worker_died(job.id, job.worker, "did not stop")
    elif ending == "given back":
        queue.release(job)
    elif ending == "node down":
        queue.release_all_running()
    else:
        clock.advance(100)
        assert queue.claim("analyse") is None
    assert queue.get(job.id).state == "cancelled"


def test_a_job_that_finished_before_it_saw_the_cancel_is_done(queue, put):
    put()
    job = queue.claim("analyse")
    queue.cancel(job.id)
    queue.finish(job, [_result(1)])
    assert queue.get(job.id).state == "done"


def test_what_cannot_be_asked_is_refused_by_name(queue, put):
    put()
    job = queue.claim("analyse")
    with pytest.raises(errors.UsageError, match="job 1 is running"):
        queue.retry(job.id)
    queue.finish(job, [_result(1)])
    with pytest.raises(errors.UsageError, match="job 1 is done"):
        queue.retry(job.id)
    with pytest.raises(errors.UsageError, match="job 1 is done"):
        queue.cancel(job.id)
    with pytest.raises(errors.UsageError, match="no job 99"):
        queue.get(99)


def test_retry_makes_a_waiting_job_due_now(queue, put, clock):
    put(send_to=("archive",))
    queue.finish(queue.claim("analyse"), [_result(1)])
    job = queue.claim("deliver", "archive")
    queue.fail(job, errors.PeerError("away"))
    assert queue.claim("deliver", "archive") is None
    queue.retry(job.id)
    assert queue.claim("deliver", "archive").id == job.id


def test_counts_and_lists(queue, put):
    put("a")
    put("b")
    queue.claim("analyse")
    assert queue.counts() == {("analyse", "", "running"): 1, ("analyse", "", "waiting"): 1}
    assert [job.id for job in queue.list(states=("waiting", "done"))] == [2]
    assert [job.id for job in queue.list(limit=1)] == [2]


def _claim_all(path, name, start, report):
    queue = Queue(Database(path), holder=name)
    start.wait()
    while (job := queue.claim("analyse")) is not None:
        queue.finish(job, [_result(job.id, job.id)])
        report.put(job.id)
    report.put(None)


@pytest.mark.process
def test_two_racing_workers_claim_each_of_200_jobs_once(tmp_path, database, put):
    for number in range(200):
        put(f"1.2.{number}", send_to=())
    spawn = multiprocessing.get_context("spawn")
    start, report = spawn.Event(), spawn.Queue()
    workers = [spawn.Process(target=_claim_all, args=(tmp_path / "node.db", f"w{n}", start, report)) for n in range(2)]
    for worker in workers:
        worker.start()
    start.set()
    claimed, ended = [], 0
    while ended < 2:
        job_id = report.get(timeout=60)
        ended += job_id is None
        claimed += [] if job_id is None else [job_id]
    for worker in workers:
        worker.join(timeout=30)
        assert worker.exitcode == 0
    assert sorted(claimed) == list(range(1, 201))
    assert database.query("SELECT count(*) AS n FROM results")[0]["n"] == 200
    assert database.query("SELECT max(attempts) AS most FROM jobs")[0]["most"] == 1


class QueueMachine(RuleBasedStateMachine):
    """Workers claim, finish, fail, die and oversleep in any order; each job's results are recorded at most once."""

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.database = Database(Path(self.folder.name) / "node.db")
        self.database._connection().execute("PRAGMA synchronous=OFF")  # speed: no crash is simulated here
        self.queue = Queue(self.database, self.clock, BACK_OFF, lease_clock=self.clock)
        self.tokens = []
        self.finished = []
        self.put_count = 0

    @rule(priority=st.integers(0, 3))
    def put(self, priority):
        self.put_count += 1
        with self.database.transaction() as connection:
            self.queue.put_analyse(connection, replace(WORK, instances=(str(self.put_count),)), priority)

    @rule()
    def claim(self):
        job = self.queue.claim("analyse", lease_s=60)
        if job is not None:
            self.tokens.append(job)

    def _write(self, data, write):
        job = data.draw(st.sampled_from(self.tokens))
        holds = self.queue.get(job.id).worker == job.worker
        try:
            write(job)
        except LeaseLost:
            assert not holds
            return None
        except errors.JobCancelled:
            pass
        assert holds
        return job

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def finish(self, data):
        job = self._write(data, lambda job: self.queue.finish(job, [_result(job.id, job.id)]))
        if job is not None:
            self.finished.append(job.id)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def renew(self, data):
        self._write(data, self.queue.renew)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), error=st.sampled_from([errors.AlgorithmFailed("a"), errors.StorageError("b"), KeyError()]))
    def fail(self, data, error):
        self._write(data, lambda job: self.queue.fail(job, error))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def die(self, data):
        job = data.draw(st.sampled_from(self.tokens))
        self.queue.worker_died(job.id, job.worker, "killed")

    @precondition(lambda self: self.put_count)
    @rule(data=st.data(), action=st.sampled_from(["retry", "cancel"]))
    def person(self, data, action):
        job_id = data.draw(st.integers(1, self.queue.list(limit=1)[0].id))
        try:
            getattr(self.queue, action)(job_id)
        except errors.UsageError as error:
            assert f"job {job_id} is" in str(error)  # noqa: PT017

    @rule(seconds=st.sampled_from([1.0, 61.0, 300.0]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def restart(self):
        self.queue.release_all_running()

    @invariant()
    def every_job_is_accounted_for(self):
        jobs = self.queue.list(kind="analyse", limit=10_000)
        assert len(jobs) == self.put_count
        assert len(self.finished) == len(set(self.finished))
        for job in jobs:
            assert (job.state == "done") == (job.id in self.finished)
            assert (job.worker is not None) == (job.state == "running") == (job.lease_until is not None)
            assert len(self.queue.results(job.id)) == (job.state == "done")
            assert len(self.queue.list(kind="deliver", parent_id=job.id)) == 2 * (job.state == "done")
            assert job.kills <= 2

    def teardown(self):
        if hasattr(self, "folder"):
            self.database.close()
            self.folder.cleanup()


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("known_as", ["waiting", "running", "done"])
def test_known_work_is_shared_and_its_results_go_to_the_peers_of_both(database, queue, put, known_as):
    job_id = put(send_to=("archive",))
    if known_as != "waiting":
        job = queue.claim("analyse")
    if known_as == "done":
        queue.finish(job, [_result(1)])
    with database.transaction() as connection:
        wanted = replace(WORK, unit_kind="study", unit_uid="1.2", send_to=("archive", "review"))
        assert queue.put_analyse(connection, wanted) is None
        assert queue.share(connection, wanted) == job_id
        assert queue.share(connection, wanted) == job_id
    if known_as == "waiting":
        job = queue.claim("analyse")
    if known_as != "done":
        queue.finish(job, [_result(1)])
    deliveries = queue.list("deliver", parent_id=job_id)
    assert sorted(delivery.work.peer for delivery in deliveries) == ["archive", "review"]
    states = database.query("SELECT role, state FROM deliveries")
    assert [(row["role"], row["state"]) for row in states] == [("role_1", "waiting")] * 2
    assert _events(queue, job_id).count("also to") == 1
