"""C-STORE throughput of reception, as ratios to DCMTK's storescp and to Orthanc in the same run.

The sender is DCMTK's storescu on loopback, over one association and over four at once, TCP_NODELAY=1 (without it every
instance may wait 40 ms for a delayed acknowledgement). They do not promise the same: storescp +B writes without any
sync, Orthanc runs with its own defaults; dicom-node syncs file and folder and commits with synchronous=FULL before each
answer. So the limit of that promise on this disk is measured too: the same syncs and commit for the same bytes, without
a network.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.storage import Inbox

INSTANCES = 200
ROWS, COLUMNS = 512, 512  # 16 bit: 512 KiB
ROUNDS = 3
PARTS = 4  # folders of a series: one association each where four send at once
MAX_PDU = 131072
ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
NODE = """
import sys, time
from pathlib import Path
from dicom_node.config import NodeSettings
from dicom_node.database import Database
from dicom_node.receive import Receiver
from dicom_node.storage import Inbox
folder = Path(sys.argv[1])
settings = NodeSettings(port=int(sys.argv[2]), data_dir=folder)
Receiver(settings, Database(folder / "node.db"), Inbox(folder), time.time, lambda: None).start()
time.sleep(3600)
"""


def make_series(folder: Path, round_number: int) -> None:
    """INSTANCES single-frame MR images of 512 KiB with random pixels, in PARTS folders."""
    for part in range(PARTS):
        (folder / f"{part}").mkdir(parents=True)
    for number in range(INSTANCES):
        dataset = Dataset()
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        dataset.SOPInstanceUID = f"1.2.3.{round_number}.{number + 1}"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", f"1.2.3.{round_number}"
        dataset.PatientID, dataset.Modality = "BENCH", "MR"
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = ROWS, COLUMNS, 1
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, 0
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.PixelData = os.urandom(ROWS * COLUMNS * 2)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.save_as(folder / f"{number % PARTS}" / f"{number:04d}.dcm", enforce_file_format=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def node(folder: Path, port: int) -> list[str]:
    return [sys.executable, "-c", NODE, str(folder), str(port)]


def storescp(folder: Path, port: int) -> list[str]:
    return ["/usr/bin/storescp", "+B", "-od", str(folder), "-pdu", str(MAX_PDU), str(port)]


def orthanc(folder: Path, port: int) -> list[str]:
    configuration = {
        "Name": "bench",
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "DicomPort": port,
        "DicomAet": "ORTHANC",
        "HttpServerEnabled": False,
        "DicomCheckCalledAet": False,
        "Plugins": [],
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    return [shutil.which("Orthanc") or "/usr/sbin/Orthanc", str(path)]


@contextmanager
def running(command: Callable[[Path, int], list[str]], place: Path) -> Iterator[list[str]]:
    """A started server; yields the address that storescu is given."""
    place.mkdir()
    target = ["127.0.0.1", str(free_port())]
    with (place.parent / f"{place.name}.log").open("wb") as log:
        server = subprocess.Popen(command(place, int(target[1])), stdout=log, stderr=log, env=ENVIRONMENT)
        try:
            deadline = time.monotonic() + 30
            while subprocess.run(["/usr/bin/echoscu", *target], capture_output=True, check=False).returncode:
                if time.monotonic() > deadline:
                    raise SystemExit(f"{command.__name__} does not answer; see {log.name}")
                time.sleep(0.2)
            yield target
        finally:
            server.terminate()
            server.wait()


def send(folders: list[Path], target: list[str]) -> float:
    """Instances per second of a series, with one association for each of its folders that is named."""
    start = time.perf_counter()
    arguments = ["/usr/bin/storescu", "+sd", "+r", "-pdu", str(MAX_PDU), *target]
    senders = [subprocess.Popen([*arguments, str(folder)], env=ENVIRONMENT) for folder in folders]
    if any(sender.wait() for sender in senders):
        raise SystemExit("storescu failed")
    return INSTANCES / (time.perf_counter() - start)


def sync_limit(series: Path, place: Path) -> float:
    """Instances per second of the promise alone: write, sync, rename, sync the folder, commit."""
    inbox = Inbox(place)
    connection = sqlite3.connect(place / "limit.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE instances (uid TEXT PRIMARY KEY, path TEXT)")
    files = [path.read_bytes() for path in sorted(series.rglob("*.dcm"))]
    start = time.perf_counter()
    for number, data in enumerate(files):
        temporary = inbox.incoming / f"{number}"
        temporary.write_bytes(data)
        inbox.keep(temporary, f"1.2.{number}")
        connection.execute("INSERT INTO instances VALUES (?, ?)", (f"1.2.{number}", "path"))
    speed = len(files) / (time.perf_counter() - start)
    connection.close()
    return speed


def main() -> None:
    for program in ("/usr/bin/storescu", "/usr/bin/storescp", "/usr/bin/echoscu"):
        if not Path(program).exists():
            print(f"{program} is needed (Debian package dcmtk)")
            return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        alone, together = ([place / f"{kind}{number}" for number in range(ROUNDS)] for kind in ("alone", "together"))
        for number, folder in enumerate(alone + together, start=1):
            make_series(folder, number)
        servers = [("dicom-node, synced", node), ("storescp +B, not synced", storescp)]
        if shutil.which("Orthanc") or Path("/usr/sbin/Orthanc").exists():
            servers.append(("Orthanc", orthanc))
        speeds: dict[str, float] = {}
        of_four: dict[str, float] = {}
        with ExitStack() as stack:
            targets = {words: stack.enter_context(running(make, place / make.__name__)) for words, make in servers}
            for number in range(ROUNDS):  # in turn, so that another load on the machine meets all of them
                parts = sorted(together[number].iterdir())
                for words, target in targets.items():
                    speeds[words] = max(speeds.get(words, 0.0), send([alone[number]], target))
                    of_four[words] = max(of_four.get(words, 0.0), send(parts, target))
                limit = sync_limit(alone[number], place / f"limit{number}")
                speeds["the syncs and the commit alone"] = max(speeds.get("the syncs and the commit alone", 0.0), limit)
    ours = speeds["dicom-node, synced"]
    print(f"{INSTANCES} instances of {ROWS * COLUMNS * 2 // 1024} KiB, best of {ROUNDS}, instances per second")
    print(f"{'':32}{'1 association':>14}{'4 at once':>11}{'MiB/s (1)':>11}{'dicom-node / it (1)':>21}")
    for words, speed in speeds.items():
        at_once = f"{of_four[words]:.1f}" if words in of_four else ""
        mib = speed * ROWS * COLUMNS * 2 / 2**20
        print(f"{words:32}{speed:14.1f}{at_once:>11}{mib:11.1f}{ours / speed:21.2f}")


if __name__ == "__main__":
    main()
