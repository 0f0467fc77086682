"""Deliveries over real associations on loopback, to an archive that shows one fault at a time."""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from dicom_node.archive import Behaviour, EmbeddedArchive
from dicom_node.config import NodeConfig, NodeSettings
from dicom_node.deliver import Outgoing
from dicom_node.deliver.deliverer import FALLBACK_SOP_CLASSES
from dicom_node.deliver.ledger import Ledger
from dicom_node.encode.fallback import _ALTERNATIVES
from dicom_node.errors import StorageError
from dicom_node.jobs import Queue

pytestmark = pytest.mark.loopback

REPORT = "1.2.840.10008.5.1.4.1.1.88.34"
OLDER_REPORT = "1.2.840.10008.5.1.4.1.1.88.33"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"

SR, SC, SEG = ("report", REPORT, "1.9.1"), ("picture", CAPTURE, "1.9.2"), ("mask", SEGMENTATION, "1.9.3")


# pynetdicom drops the socket of a refused connection without closing it
refused_connections = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@dataclass(frozen=True)
class Adaptation:
    """What the tests' ``adapt`` functions give."""

    objects: tuple[Outgoing, ...]
    skipped: tuple[tuple[str, str], ...] = ()


@pytest.fixture
def archive(tmp_path, world):
    """A function: behaviour -> an archive that listens, known to the world as peer "archive"."""
    started = []

    def start(name: str = "archive", **behaviour) -> EmbeddedArchive:
        found = EmbeddedArchive(tmp_path / name, behaviour=Behaviour(**behaviour))
        found.start()
        started.append(found)
        world.add_peer(name, found.port)
        return found

    yield start
    for each in started:
        each.stop()


def first_answers(*statuses: int):
    """A ``before`` that answers the first requests with these statuses."""
    return lambda request: statuses[request.number - 1] if request.number <= len(statuses) else None


def test_everything_arrives_once_and_the_report_last(world, archive):
    there = archive()
    (job,) = world.results(SR, SC, SEG)
    deliverer = world.deliverer()
    assert deliverer.deliver_once("archive")
    assert there.order == ("1.9.2", "1.9.3", "1.9.1")
    assert world.states(job) == dict.fromkeys(("1.9.1", "1.9.2", "1.9.3"), "delivered")
    assert {row["status"] for row in world.rows(job).values()} == {0}
    assert world.queue.get(job.id).state == "done"
    assert not deliverer.deliver_once("archive")
    assert set(there.times_stored.values()) == {1}


@refused_connections
def test_a_peer_that_is_away_is_tried_later_while_others_go_on(world, archive):
    there = archive()
    world.add_peer("away", 1)
    here, away = sorted(world.results(SR), key=lambda job: job.lane)
    deliverer = world.deliverer()
    assert deliverer.deliver_once("away")
    assert deliverer.deliver_once("archive")
    assert world.queue.get(here.id).state == "done"
    waiting = world.queue.get(away.id)
    assert (waiting.state, waiting.error_class) == ("waiting", "PeerError")
    assert "127.0.0.1:1: Connection refused" in waiting.error
    assert world.now + 8 <= waiting.not_before <= world.now + 12
    assert not deliverer.deliver_once("away")
    world.now += 12
    world.add_peer("away", there.port)
    assert world.deliverer().deliver_once("away")
    assert world.queue.get(away.id).state == "done"


@refused_connections
def test_a_peer_that_stays_away_is_given_up_and_shown(world):
    world.add_peer("away", 1)
    (job,) = world.results(SR)
    deliverer = world.deliverer()
    for _ in range(20):
        world.now += 600
        deliverer.deliver_once("away")
    found = world.queue.get(job.id)
    assert found.state == "failed"
    assert "Connection refused" in found.error
    assert world.states(job) == {"1.9.1": "waiting"}


def test_what_the_peer_does_not_take_is_left_out_with_the_reason(world, archive):
    there = archive(refused_sop_classes=(SEGMENTATION,))
    (job,) = world.results(SR, SC, SEG)
    asked = []

    def adapt(objects, accepted, folder, viewer, earlier):
        asked.append({item.role: item.sop_class_uid in accepted for item in objects})
        kept = tuple(item for item in objects if item.sop_class_uid in accepted)
        return Adaptation(kept, (("mask", "no archive class carries it"),))

    assert world.deliverer(adapt).deliver_once("archive")
    assert asked == [{"report": True, "picture": True, "mask": False}]
    assert world.rows(job)["1.9.3"]["state"] == "skipped"
    assert world.rows(job)["1.9.3"]["reason"] == "no archive class carries it"
    assert world.queue.get(job.id).state == "done"
    assert set(there.kept) == {"1.9.1", "1.9.2"}


def older_report(make_file):
    """An ``adapt`` that turns the report into its older SOP class."""

    def adapt(objects, accepted, folder, viewer, earlier):
        assert OLDER_REPORT in accepted
        path = make_file(folder / "report.dcm", OLDER_REPORT, "1.9.101")
        changed = {"path": path, "sop_class_uid": OLDER_REPORT, "sop_instance_uid": "1.9.101"}
        return Adaptation(tuple(replace(item, **changed) if item.role == "report" else item for item in objects))

    return adapt


def test_a_fallback_takes_the_place_of_what_the_peer_does_not_take(world, archive, make_file):
    there = archive(refused_sop_classes=(REPORT,))
    (job,) = world.results(SR, SC)
    assert world.deliverer(older_report(make_file)).deliver_once("archive")
    rows = world.rows(job)
    assert (rows["1.9.1"]["state"], rows["1.9.101"]["state"]) == ("skipped", "delivered")
    assert OLDER_REPORT in rows["1.9.1"]["reason"]
    assert there.order == ("1.9.2", "1.9.101")
    assert world.queue.get(job.id).state == "done"
    assert not (world.outbox.folder / str(job.id)).exists()


def test_a_later_job_learns_by_what_names_the_peer_has_the_earlier_ones(world, archive, make_file):
    """The draft's report went out as an older class, and the archive takes no segmentation."""
    archive(refused_sop_classes=(REPORT, SEGMENTATION))
    (job,) = world.results(SR, SC, SEG)
    adapt_report = older_report(make_file)

    def adapt(objects, accepted, folder, viewer, earlier):
        taken = [item for item in objects if item.role != "mask"]
        return Adaptation(adapt_report(taken, accepted, folder, viewer, earlier).objects, (("mask", "not taken"),))

    assert world.deliverer(adapt).deliver_once("archive")
    (later,) = world.results(("rejection", REPORT, "1.9.50"), revises=job.parent_id)
    assert Ledger(world.database, later.id, lambda: 0.0).earlier_objects() == {
        "1.9.1": (OLDER_REPORT, "1.9.101"),
        "1.9.2": (SC[1], "1.9.2"),
        "1.9.3": ("", ""),
    }


def test_every_class_that_encode_falls_back_to_is_proposed():
    """Stages do not import each other, so the list stands in both: here they are held against each other."""
    targets = {target for targets in _ALTERNATIVES.values() for target in targets}
    assert set(FALLBACK_SOP_CLASSES) == targets


def test_a_peer_that_takes_nothing(world, archive):
    archive(refused_sop_classes=(REPORT, OLDER_REPORT))
    (job,) = world.results(SR)
    adapt = lambda objects, accepted, folder, viewer, earlier: Adaptation((), (("report", "no report class is taken"),))  # noqa: E731
    assert world.deliverer(adapt).deliver_once("archive")
    found = world.queue.get(job.id)
    assert found.state == "failed"
    assert "no report class is taken" in found.error


def test_exclude_keeps_a_role_away_from_a_peer(world, archive):
    there = archive()
    world.peers["archive"] = replace(world.peers["archive"], exclude=("picture",))
    (job,) = world.results(SR, SC)
    assert world.deliverer(lambda objects, accepted, folder, viewer, earlier: Adaptation(tuple(objects))).deliver_once(
        "archive"
    )
    assert world.states(job) == {"1.9.1": "delivered", "1.9.2": "skipped"}
    assert set(there.kept) == {"1.9.1"}


def test_a_peer_short_of_resources_gets_time_and_only_what_is_missing(world, archive):
    there = archive(before=lambda request: 0xA700 if request.number == 2 else None)
    (job,) = world.results(SR, SC, SEG)
    deliverer = world.deliverer()
    assert deliverer.deliver_once("archive")
    assert world.states(job) == {"1.9.2": "delivered", "1.9.3": "waiting", "1.9.1": "waiting"}
    assert world.rows(job)["1.9.3"]["status"] == 0xA700
    assert world.queue.get(job.id).state == "waiting"
    world.now += 60
    assert deliverer.deliver_once("archive")
    assert world.queue.get(job.id).state == "done"
    assert there.times_stored == {"1.9.1": 1, "1.9.2": 1, "1.9.3": 1}


def test_the_report_waits_for_what_it_points_at(world, archive):
    there = archive(before=first_answers(0x0110))
    (job,) = world.results(SR, SC, SEG)
    deliverer = world.deliverer()
    assert deliverer.deliver_once("archive")
    assert world.states(job) == {"1.9.2": "waiting", "1.9.3": "delivered", "1.9.1": "waiting"}
    world.now += 60
    assert deliverer.deliver_once("archive")
    assert there.order == ("1.9.3", "1.9.2", "1.9.1")


def test_refused_objects_fail_the_job_and_a_person_may_try_again(world, archive):
    archive(before=first_answers(0xC123))
    (job,) = world.results(SR, SC)
    deliverer = world.deliverer()
    assert deliverer.deliver_once("archive")
    assert world.states(job) == {"1.9.1": "delivered", "1.9.2": "refused"}
    found = world.queue.get(job.id)
    assert (found.state, found.error_class) == ("failed", "PeerRefused")
    assert "picture (1.9.2): 0xC123" in found.error
    world.queue.retry(job.id)
    assert deliverer.deliver_once("archive")
    assert world.queue.get(job.id).state == "done"
    assert world.rows(job)["1.9.1"]["attempts"] == 1


@pytest.mark.parametrize(("code", "words"), [(0xB000, "warning"), (0x0111, "had it already")])
def test_warnings_and_duplicates_count_as_delivered_and_are_shown(world, archive, code, words):
    archive(before=first_answers(code))
    (job,) = world.results(SR)
    assert world.deliverer().deliver_once("archive")
    row = world.rows(job)["1.9.1"]
    assert (row["state"], row["status"]) == ("delivered", code)
    assert words in row["reason"]
    assert world.queue.get(job.id).state == "done"


def interrupted_after(world, archive, uid: str, **behaviour):
    """Delivers until the association breaks after ``uid`` was stored; the answer is lost, as in a crash."""

    def break_off(request):
        if request.sop_instance_uid == uid and uid not in seen:
            seen.append(uid)
            request.abort()

    seen: list[str] = []
    there = archive(after=break_off, **behaviour)
    (job,) = world.results(SR, SC)
    assert world.deliverer().deliver_once("archive")
    assert world.states(job)[uid] == "sending"
    assert world.queue.get(job.id).state == "waiting"
    world.now += 60
    return there, job


def test_an_object_in_doubt_is_looked_for_and_not_sent_twice(world, archive):
    there, job = interrupted_after(world, archive, "1.9.2")
    assert world.deliverer().deliver_once("archive")
    assert there.times_stored == {"1.9.1": 1, "1.9.2": 1}
    assert "found at the archive" in world.rows(job)["1.9.2"]["reason"]
    assert world.queue.get(job.id).state == "done"


def test_an_archive_that_cannot_tell_gets_it_again(world, archive):
    there, job = interrupted_after(world, archive, "1.9.2", offers_find=False)
    assert world.deliverer().deliver_once("archive")
    assert there.times_stored == {"1.9.1": 1, "1.9.2": 2}
    assert world.queue.get(job.id).state == "done"


def test_an_object_in_doubt_that_never_arrived_is_sent(world, archive):
    def break_off(request):
        if request.number == 1:
            request.abort()
            return 0xA700
        return None

    there = archive(before=break_off)
    (job,) = world.results(SR)
    assert world.deliverer().deliver_once("archive")
    assert world.states(job) == {"1.9.1": "sending"}
    world.now += 60
    assert world.deliverer().deliver_once("archive")
    assert there.times_stored == {"1.9.1": 1}
    assert world.queue.get(job.id).state == "done"


def test_a_node_that_died_while_sending(world, archive):
    """Rows as a SIGKILL leaves them: the job running, one object 'sending' that the archive has not seen."""
    there = archive()
    (job,) = world.results(SR, SC)
    world.queue.claim("deliver", "archive")
    with world.database.transaction() as connection:
        connection.execute("UPDATE deliveries SET state = 'sending' WHERE sop_instance_uid = '1.9.2'")
    assert world.queue.release_all_running() == 1
    assert world.deliverer().deliver_once("archive")
    assert there.times_stored == {"1.9.1": 1, "1.9.2": 1}
    assert world.queue.get(job.id).state == "done"


def test_cancel_is_honoured_between_objects(world, archive):
    there = archive(after=lambda request: world.queue.cancel(job.id) and None)
    (job,) = world.results(SR, SC)
    assert world.deliverer().deliver_once("archive")
    assert world.queue.get(job.id).state == "cancelled"
    assert world.states(job) == {"1.9.1": "waiting", "1.9.2": "delivered"}
    assert set(there.kept) == {"1.9.2"}


def test_stop_ends_after_the_object_on_its_way_and_gives_the_job_back(world, archive):
    deliverer = world.deliverer()
    there = archive(after=lambda request: deliverer.stop())
    deliverer.reload(config_of(world))
    (job,) = world.results(SR, SC)
    assert deliverer.deliver_once("archive")
    assert set(there.kept) == {"1.9.2"}
    assert world.queue.get(job.id).state == "waiting"
    assert not deliverer.deliver_once("archive")
    assert world.deliverer().deliver_once("archive")
    assert world.queue.get(job.id).state == "done"


def config_of(world) -> NodeConfig:
    return NodeConfig(NodeSettings(data_dir=world.data_dir), world.peers, (), Path("routing.yaml"))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", RLELossless])
def test_a_peer_that_takes_only_implicit_vr_gets_the_same_pixels(world, archive, syntax):
    there = archive(transfer_syntaxes=(ImplicitVRLittleEndian,))
    (job,) = world.results(SC, syntax=syntax)
    assert world.deliverer().deliver_once("archive")
    assert world.queue.get(job.id).state == "done"
    kept = there.kept["1.9.2"]
    assert kept.transfer_syntax_uid == ImplicitVRLittleEndian
    assert pydicom.dcmread(kept.path).pixel_array.ravel().tolist() == list(range(64))


def test_compressed_results_go_as_they_are_where_the_peer_takes_them(world, archive):
    there = archive()
    world.results(SC, syntax=RLELossless)
    assert world.deliverer().deliver_once("archive")
    assert there.kept["1.9.2"].transfer_syntax_uid == RLELossless


def test_a_slow_peer_does_not_hold_up_another(world, archive):
    gate = threading.Event()
    archive("slow", before=lambda request: None if gate.wait(30) else 0xA700)
    archive("quick")
    slow, quick = sorted(world.results(SR), key=lambda job: job.lane, reverse=True)
    deliverer = world.deliverer()
    thread = threading.Thread(target=deliverer.deliver_once, args=("slow",))
    thread.start()
    try:
        assert deliverer.deliver_once("quick")
        assert world.queue.get(quick.id).state == "done"
        assert world.queue.get(slow.id).state in ("waiting", "running")
    finally:
        gate.set()
        thread.join()
    assert world.queue.get(slow.id).state == "done"


def test_a_peer_that_stops_reading_does_not_hold_us_for_ever(world, archive, stalling):
    """The connection stays open and takes no more bytes: after timeout_s the delivery waits for another attempt."""
    there = archive()
    world.add_peer("archive", stalling(there.port, after_bytes=400_000), timeout_s=1.0)
    (job,) = world.results(SC)
    (path,) = world.outbox.folder.rglob("*.dcm")
    with path.open("ab") as file:  # a private element of 16 MB makes the object larger than all buffers
        file.write(struct.pack("<HH2sHL", 0x7FE1, 0x0010, b"OB", 0, 16_000_000) + bytes(16_000_000))
    with world.database.transaction() as connection:
        connection.execute("UPDATE results SET size_bytes = ?", (path.stat().st_size,))
    assert world.deliverer().deliver_once("archive")
    found = world.queue.get(job.id)
    assert (found.state, found.error_class) == ("waiting", "PeerError")
    assert world.states(job) == {"1.9.2": "sending"}


@pytest.mark.parametrize("fault", ["is gone", "has 10 bytes instead of"])
def test_a_result_file_that_is_gone_or_changed_is_not_sent_until_it_is_back(world, archive, fault):
    there = archive()
    (job,) = world.results(SR, SC)
    path = next(world.outbox.folder.rglob("1.9.1.dcm"))
    whole = path.read_bytes()
    path.unlink() if fault == "is gone" else path.write_bytes(whole[:10])
    assert world.deliverer().deliver_once("archive")
    found = world.queue.get(job.id)
    assert (found.state, found.error_class) == ("waiting", "StorageError")
    assert f"outbox/{job.parent_id}/1.9.1.dcm {fault}" in found.error
    assert there.order == ()
    path.write_bytes(whole)
    world.now += 60
    assert world.deliverer().deliver_once("archive")
    assert there.order == ("1.9.2", "1.9.1")


def test_deliveries_to_a_peer_that_is_no_longer_configured_wait_and_are_told(world, archive, caplog):
    there = archive()
    (job,) = world.results(SR)
    peer = world.peers.pop("archive")
    deliverer = world.deliverer()
    (told,) = (record for record in caplog.records if "not in the configuration" in record.message)
    assert (told.peer, told.jobs) == ("archive", 1)
    assert not deliverer.deliver_once("archive")
    assert world.queue.get(job.id).state == "waiting"
    world.peers["archive"] = peer
    deliverer.reload(config_of(world))
    assert deliverer.deliver_once("archive")
    assert set(there.kept) == {"1.9.1"}


@refused_connections
def test_a_failure_that_the_database_refuses_is_recorded_when_it_can_be(world):
    class Refusing(Queue):
        refused = 0

        def fail(self, *arguments):
            self.refused += 1
            if self.refused == 1:
                raise StorageError("the disk is full")
            return super().fail(*arguments)

    world.add_peer("away", 1)
    (job,) = world.results(SR)
    world.queue = Refusing(world.database, lambda: world.now)
    assert world.deliverer().deliver_once("away")
    found = world.queue.get(job.id)
    assert (world.queue.refused, found.state, found.error_class) == (2, "waiting", "PeerError")


def test_orthanc_keeps_what_is_delivered(world, orthanc):
    world.add_peer("orthanc", orthanc.dicom_port, ae_title="ORTHANC")
    (job,) = world.results(SC, SEG)
    assert world.deliverer().deliver_once("orthanc")
    assert world.queue.get(job.id).state == "done"
    assert orthanc.sop_instance_uids() == {"1.9.2", "1.9.3"}
    with world.database.transaction() as connection:
        connection.execute("UPDATE deliveries SET state = 'sending'")
        connection.execute("UPDATE jobs SET state = 'waiting' WHERE id = ?", (job.id,))
    assert world.deliverer().deliver_once("orthanc")
    assert all("found at the archive" in row["reason"] for row in world.rows(job).values())


def test_a_rejected_association_names_the_ae_titles_to_check(world, orthanc):
    world.add_peer("orthanc", orthanc.dicom_port, ae_title="SOMEBODY", calling_ae="ME")
    (job,) = world.results(SC)
    assert world.deliverer().deliver_once("orthanc")
    error = world.queue.get(job.id).error
    assert "rejected the association" in error or "aborted the association" in error  # Orthanc hangs up after it
    assert "called AE title" in error
    assert "ME" in error
