"""Kills the node at random moments while series flow through it, and counts what became of each.

    python -m benchmarks.crash_trial [--series 200] [--kills 50] [--seed 1]

A modality sends series of two instances and repeats each C-STORE until it is acknowledged. The node is a process of
its own, ended by SIGKILL at a random moment of each life, during its start too; each life is granted its share of
the series, so that the flow lasts as long as the killing. The archive is never killed. At the end the node runs until
nothing is left to do, and three questions are asked: is every acknowledged instance there, bit for bit; was every
series analysed once for each revision of it; does the archive hold every result, each received once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage

from dicom_node.archive import EmbeddedArchive
from dicom_node.database import Database
from dicom_node.demo import SETTLED, free_port
from dicom_node.errors import DicomNodeError
from dicom_node.send import send_paths
from dicom_node.storage import sha256_of_dataset
from dicom_node.testing import install_fake_algorithms

INSTANCES_PER_SERIES = 2
LONGEST_LIFE_S = 4.0
EARLY_KILLS = 0.2
"""Part of the kills whose moment is counted from the start of the process; the others', from when it listens."""
START_LIMIT_S = 60.0
SETTLE_LIMIT_S = 300.0
ROUTING = """\
node:
  port: {port}
  data_dir: ./node
  series_complete_after: 300ms
  study_complete_after: 300ms
  min_free: 1MB
  workers: 2
peers:
  archive: {{ae_title: ARCHIVE, host: 127.0.0.1, port: {archive_port}, retry: {{first: 200ms, max: 1s}}}}
rules:
  - name: everything
    when: {{Modality: US}}
    run: fake_arithmetic
    send_to: [archive]
"""


@dataclass(frozen=True)
class Outcome:
    """What the trial found. All ``bad`` lists must be empty."""

    series: int
    kills: int
    acknowledged: int
    jobs: dict[str, int]
    results: int
    at_archive: int
    received_more_than_once: int
    bad: tuple[str, ...]
    duration_s: float


class NodeProcess:
    """``dicom-node serve`` as a process that is killed and started again."""

    def __init__(self, routing: Path, port: int, fakes: Path) -> None:
        self._command = [
            sys.executable,
            "-m",
            "dicom_node",
            "serve",
            "--config",
            str(routing),
            "--log-level",
            "WARNING",
        ]
        self._environment = {**os.environ, "PYTHONPATH": str(fakes)}
        self._log = (routing.parent / "node.log").open("ab")
        self._port = port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL
        )

    def wait_until_it_listens(self) -> None:
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self._log.close()


class Modality(threading.Thread):
    """Sends series after series, as far as it is allowed, and repeats what was not acknowledged."""

    def __init__(self, series: list[list[Path]], port: int) -> None:
        super().__init__(name="modality", daemon=True)
        self._series, self._port = series, port
        self.allowed = threading.Semaphore(0)
        self.acknowledged: set[Path] = set()

    def run(self) -> None:
        for paths in self._series:
            self.allowed.acquire()
            while missing := [path for path in paths if path not in self.acknowledged]:
                try:
                    report = send_paths(missing, "127.0.0.1", self._port, "MODALITY", "DICOM_NODE")
                except DicomNodeError:
                    time.sleep(0.05)
                    continue
                self.acknowledged |= {Path(item.path) for item in report.items if item.stored}


def make_series(folder: Path, count: int) -> list[list[Path]]:
    """``count`` series of small ultrasound pictures, each with pixels of its own."""
    folder.mkdir()
    chance = np.random.default_rng(0)
    made = []
    for number in range(1, count + 1):
        paths = []
        for instance in range(1, INSTANCES_PER_SERIES + 1):
            uid = f"2.25.4242{number:06d}"
            ds = Dataset()
            ds.file_meta = FileMetaDataset()
            ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            ds.SOPClassUID, ds.SOPInstanceUID = UltrasoundImageStorage, f"{uid}.1.{instance}"
            ds.StudyInstanceUID, ds.SeriesInstanceUID = uid, f"{uid}.1"
            ds.PatientID, ds.PatientName, ds.Modality, ds.Manufacturer = str(number), "SIMULATED^CRASH", "US", "trial"
            ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20260101", "120000", str(number), ""
            ds.PatientBirthDate, ds.PatientSex, ds.ReferringPhysicianName = "", "", ""
            ds.SeriesNumber, ds.InstanceNumber, ds.ImageType = 1, instance, ["ORIGINAL", "PRIMARY"]
            ds.Rows = ds.Columns = 64
            ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
            ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
            ds.PixelData = chance.integers(0, 255, (64, 64), np.uint8).tobytes()
            path = folder / f"{number:04d}_{instance}.dcm"
            ds.save_as(path, enforce_file_format=True)
            paths.append(path)
        made.append(paths)
    return made


def crash_trial(folder: Path, series: int, kills: int, seed: int, tell=lambda text: None) -> Outcome:
    """The whole trial in ``folder``; see the module's page."""
    began = time.monotonic()
    chance = random.Random(seed)
    sources = make_series(folder / "sources", series)
    port = free_port()
    with EmbeddedArchive(folder / "archive") as archive:
        routing = folder / "routing.yaml"
        routing.write_text(ROUTING.format(port=port, archive_port=archive.port))
        node = NodeProcess(routing, port, install_fake_algorithms(folder / "fakes"))
        modality = Modality(sources, port)
        modality.start()
        granted = 0
        for life in range(1, kills + 1):
            node.start()
            share = series * life // kills - granted
            granted += share
            modality.allowed.release(share)
            if chance.random() > EARLY_KILLS:
                node.wait_until_it_listens()
            time.sleep(chance.uniform(0.0, LONGEST_LIFE_S))
            node.kill()
            tell(f"killed {life} of {kills}; {len(modality.acknowledged)} instances acknowledged")
        node.start()
        modality.join(SETTLE_LIMIT_S)
        database = Database(folder / "node" / "node.db")
        _settle(database, series)
        node.stop()
        return _judge(database, folder, modality, archive, series, kills, time.monotonic() - began)


def _settle(database: Database, series: int) -> None:
    until = time.monotonic() + SETTLE_LIMIT_S
    while time.monotonic() < until:
        routed = database.query("SELECT count(*) AS n FROM units WHERE kind = 'series' AND state = 'routed'")[0]["n"]
        open_units = database.query("SELECT count(*) AS n FROM units WHERE state <> 'routed'")[0]["n"]
        states = Counter(row["state"] for row in database.query("SELECT state FROM jobs"))
        if routed == series and not open_units and not set(states) - set(SETTLED):
            return
        time.sleep(0.2)


def _judge(database, folder, modality, archive, series, kills, duration_s) -> Outcome:
    bad = []
    rows = {row["sop_instance_uid"]: row for row in database.query("SELECT * FROM instances")}
    for path in sorted(modality.acknowledged):
        number, instance = path.stem.split("_")
        row = rows.get(f"2.25.4242{int(number):06d}.1.{instance}")
        if row is None:
            bad.append(f"{path.name} was acknowledged and is not recorded")
        elif sha256_of_dataset(folder / "node" / row["path"]) != sha256_of_dataset(path):
            bad.append(f"{path.name} was acknowledged and its bytes are others")
    jobs = database.query("SELECT * FROM jobs")
    analysed = Counter()
    for job in jobs:
        if job["state"] != "done":
            bad.append(f"job {job['id']} ({job['kind']}) is {job['state']}: {job['error']}")
        if job["kind"] == "analyse":
            analysed[json.loads(job["payload"])["unit_uid"]] += 1
    final = {
        row["uid"]: row["revision"] for row in database.query("SELECT uid, revision FROM units WHERE kind = 'series'")
    }
    bad += [
        f"series {uid} has {final[uid]} revisions but {analysed[uid]} jobs"
        for uid in final
        if analysed[uid] != final[uid]
    ]
    if len(final) != series:
        bad.append(f"{series} series were sent, {len(final)} are known")
    results = {row["sop_instance_uid"] for row in database.query("SELECT sop_instance_uid FROM results")}
    held = set(archive.kept)
    bad += [f"result {uid} is not at the archive" for uid in sorted(results - held)]
    bad += [f"the archive holds {uid}, which is no result" for uid in sorted(held - results)]
    twice = sum(times > 1 for times in archive.times_stored.values())
    counts = Counter(f"{job['kind']} {job['state']}" for job in jobs)
    aside = database.query("SELECT count(*) AS n FROM set_aside")[0]["n"]
    if aside:
        bad.append(f"{aside} objects were set aside")
    return Outcome(
        series, kills, len(modality.acknowledged), dict(counts), len(results), len(held), twice, tuple(bad), duration_s
    )


def main() -> int:
    """The command; prints the outcome as JSON and fails where anything is bad."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crash-trial-") as folder:
        outcome = crash_trial(Path(folder), arguments.series, arguments.kills, arguments.seed, print)
        if outcome.bad:
            print((Path(folder) / "node.log").read_text()[-4000:], file=sys.stderr)
    print(json.dumps(asdict(outcome), indent=2))
    return 1 if outcome.bad else 0


if __name__ == "__main__":
    sys.exit(main())
