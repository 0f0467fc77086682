"""The node's own overhead: from the last C-STORE response to the first result stored at the archive.

    python -m benchmarks.bench_overhead [--series 5] [--json]

Not counted are the quiet time that makes a series complete and the time of the algorithm itself (result.json);
loading, encoding, checking, every tick, claim and association are. Once with the embedded archive and, where Debian's
Orthanc is installed, once with Orthanc; for two small pictures and a fake algorithm, and for the sample cine and
ulm_decoupling. The limit is 1 s for the slowest series.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pydicom import dcmread

from benchmarks.crash_trial import make_series
from dicom_node.archive import EmbeddedArchive
from dicom_node.cli.tables import show_table
from dicom_node.config import load_config
from dicom_node.demo import find_samples, free_port
from dicom_node.node import Node
from dicom_node.plugins import Catalogue
from dicom_node.send import send_paths
from dicom_node.testing import install_fake_algorithms

ORTHANC = Path("/usr/sbin/Orthanc")
LIMIT_S = 1.0
QUIET_S = 0.3
WAIT_S = 120.0
START_S = 4.0
CINE = find_samples() / "ulm_decoupling" / "ulm_phantom.dcm"
Holds = Callable[[str], bool]
ROUTING = """\
node:
  port: {port}
  data_dir: ./node
  series_complete_after: {quiet_ms}ms
  min_free: 1MiB
  workers: 1
peers:
  archive: {{ae_title: ARCHIVE, host: 127.0.0.1, port: {archive_port}}}
rules:
  - {{name: pictures, when: {{SOPClassUID: UltrasoundImageStorage}}, run: fake_arithmetic, send_to: [archive]}}
  - {{name: cines, when: {{SOPClassUID: UltrasoundMultiFrameImageStorage}}, run: ulm_decoupling, send_to: [archive]}}
"""


@dataclass(frozen=True, slots=True)
class Lap:
    """One series, in seconds. ``overhead_s`` = ``whole_s`` - quiet time - ``algorithm_s``."""

    whole_s: float
    algorithm_s: float
    encode_s: float
    overhead_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of series to one archive."""

    archive: str
    source: str
    laps: tuple[Lap, ...]

    @property
    def slowest_s(self) -> float:
        return max(lap.overhead_s for lap in self.laps)

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        figures = (
            statistics.median(lap.overhead_s for lap in self.laps),
            self.slowest_s,
            statistics.median(lap.encode_s for lap in self.laps),
            statistics.median(lap.algorithm_s for lap in self.laps),
        )
        return self.archive, self.source, str(len(self.laps)), *(f"{figure:.3f} s" for figure in figures)


def make_cines(folder: Path, count: int) -> list[list[Path]]:
    """``count`` series of the sample cine (201 frames of 128 x 128), each with UIDs of its own."""
    folder.mkdir()
    dataset = dcmread(CINE)
    made = []
    for number in range(1, count + 1):
        dataset.StudyInstanceUID = f"2.25.777{number}"
        dataset.SeriesInstanceUID = f"2.25.777{number}.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.777{number}.1.1"
        path = folder / f"{number}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        made.append([path])
    return made


def measure(folder: Path, archive: str, archive_port: int, holds: Holds, count: int) -> Iterator[Measured]:
    """Sends series, each when the one before has come back. ``holds``: is this instance at the archive?"""
    port = free_port()
    routing = folder / "routing.yaml"
    routing.write_text(ROUTING.format(port=port, archive_port=archive_port, quiet_ms=round(QUIET_S * 1000)))
    catalogue = Catalogue()
    pictures, cines = make_series(folder / "pictures", count), make_cines(folder / "cines", count)
    node = Node(load_config(routing, catalogue), catalogue)
    node.start()
    try:
        time.sleep(START_S)  # workers import and warm up in this time; with a quiet time of 10 s nobody sees it
        for source, series in (("2 small pictures", pictures), ("cine, 201 frames", cines)):
            yield Measured(archive, source, tuple(_lap(node, port, paths, holds) for paths in series))
    finally:
        node.stop()


def _lap(node: Node, port: int, paths: list[Path], holds: Holds) -> Lap:
    known = len(node.queue.list("analyse"))
    if not all(item.stored for item in send_paths(paths, "127.0.0.1", port, "MODALITY", "DICOM_NODE").items):
        raise SystemExit("the node did not store what it was sent")
    stored_at = time.monotonic()
    while time.monotonic() < stored_at + WAIT_S:
        jobs = node.queue.list("analyse")
        done = node.queue.results(jobs[0].id) if len(jobs) > known and jobs[0].state == "done" else ()
        if any(holds(row.sop_instance_uid) for row in done):
            whole_s = time.monotonic() - stored_at
            timings_s = _timings_s(node, jobs[0].id)
            overhead_s = whole_s - QUIET_S - timings_s["algorithm"]
            return Lap(whole_s, timings_s["algorithm"], timings_s["encode"], overhead_s)
        time.sleep(0.005)
    raise SystemExit(f"no result within {WAIT_S:g} s")


def _timings_s(node: Node, job_id: int) -> dict[str, float]:
    content = node.config.node.data_dir / "outbox" / str(job_id) / "result.json"
    return json.loads(content.read_text())["timings_s"]


@contextmanager
def orthanc(folder: Path) -> Iterator[tuple[int, Holds]]:
    """Orthanc with its storage in ``folder``: its DICOM port, and whether it holds an instance."""
    folder.mkdir()
    port, rest_port = free_port(), free_port()
    settings = {"StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "Plugins": []}
    settings |= {"DicomAet": "ARCHIVE", "DicomPort": port, "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True}
    settings |= {"HttpPort": rest_port, "AuthenticationEnabled": False, "RemoteAccessAllowed": False}
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen([ORTHANC, folder / "orthanc.json"], stdout=log, stderr=log)

    def ask(path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{rest_port}{path}", body, timeout=10) as answer:
            return answer.read()

    def holds(uid: str) -> bool:
        return json.loads(ask("/tools/lookup", uid.encode())) != []

    try:
        until = time.monotonic() + WAIT_S
        while True:
            try:
                ask("/system")
                break
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > until or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield port, holds
    finally:
        process.terminate()
        process.wait(20)


def main() -> int:
    """The command; fails where the slowest series is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=5, help="of each kind")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        folder = Path(name)
        sys.path.insert(0, str(install_fake_algorithms(folder / "fakes")))
        (folder / "embedded").mkdir()
        with EmbeddedArchive(folder / "archive") as archive:
            holds = lambda uid: uid in archive.kept  # noqa: E731
            found += measure(folder / "embedded", "embedded", archive.port, holds, arguments.series)
        if ORTHANC.exists():
            (folder / "orthanc").mkdir()
            with orthanc(folder / "orthanc-server") as (port, holds):
                found += measure(folder / "orthanc", "Orthanc", port, holds, arguments.series)
    if arguments.json:
        print(json.dumps([asdict(entry) for entry in found], indent=2))
    else:
        show_table(
            f"the node's overhead; limit {LIMIT_S:g} s",
            ("archive", "source", "series", "median", "slowest", "of it encode", "besides: algorithm"),
            [entry.cells for entry in found],
            "nothing measured",
        )
    return int(max(entry.slowest_s for entry in found) >= LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
