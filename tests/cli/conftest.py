"""The command as a person calls it, and the folder of a node that has seen a little of everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest

from benchmarks.crash_trial import make_series
from dicom_node.archive import EmbeddedArchive
from dicom_node.cli import main
from dicom_node.config import load_config
from dicom_node.demo import free_port
from dicom_node.node import Node
from dicom_node.plugins import Catalogue
from dicom_node.send import send_paths
from dicom_node.testing import install_fake_algorithms

ROUTING = """\
node:
  port: {port}
  data_dir: ./var
  series_complete_after: 200ms
  study_complete_after: 200ms
  min_free: 1MiB
  workers: 1
peers:
  archive: {{ae_title: ARCHIVE, host: 127.0.0.1, port: {archive_port}}}
  away: {{ae_title: AWAY, host: 127.0.0.1, port: {closed_port}, retry: {{first: 1h, max: 1h}}}}
rules:
  - {{name: to the archive, when: {{PatientID: "1"}}, run: fake_arithmetic, send_to: [archive]}}
  - name: needs more
    when: {{PatientID: "2"}}
    run: fake_arithmetic
    options: {{needs_frames: 9}}
    send_to: [archive]
  - {{name: to nobody there, when: {{PatientID: "3"}}, run: fake_arithmetic, options: {{factor: 2}}, send_to: [away]}}
"""


@dataclass(frozen=True)
class Called:
    """One call of the command."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys) -> Callable[..., Called]:
    """A function: words of a command line -> exit code and what it wrote."""

    def call(*words: object) -> Called:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return Called(int(left.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture(scope="package")
def fakes(tmp_path_factory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(install_fake_algorithms(tmp_path_factory.mktemp("fakes")))
        yield


@pytest.fixture(scope="module")
def used(tmp_path_factory, fakes) -> Path:
    """The routing.yaml of a node that is stopped; four series of two pictures came, patients 1 to 4.

    Patient 1's results are delivered, patient 2 is unsuitable, patient 3's results wait for a peer that is away,
    patient 4 matched no rule; one picture of patient 1 came again with other bytes.
    """
    folder = tmp_path_factory.mktemp("used")
    series = make_series(folder / "in", 4)
    other = pydicom.dcmread(series[0][0])
    other.PixelData = bytes(64 * 64)
    other.save_as(folder / "other.dcm")
    with EmbeddedArchive(folder / "archive") as archive:
        routing = folder / "routing.yaml"
        ports = {"port": free_port(), "archive_port": archive.port, "closed_port": free_port()}
        routing.write_text(ROUTING.format(**ports))
        catalogue = Catalogue()
        node = Node(load_config(routing, catalogue), catalogue)
        node.start()
        try:
            send_paths([folder / "in"], "127.0.0.1", node.port, "US1", "DICOM_NODE")
            send_paths([folder / "other.dcm"], "127.0.0.1", node.port, "US1", "DICOM_NODE")
            wanted = {("done", "analyse"): 2, ("unsuitable", "analyse"): 1, ("done", "deliver"): 1}
            end = time.monotonic() + 60
            while not _reached(node, wanted):
                assert time.monotonic() < end
                time.sleep(0.05)
        finally:
            node.stop()
    return routing


def _reached(node: Node, wanted: dict[tuple[str, str], int]) -> bool:
    tried = [job for job in node.queue.list("deliver") if job.lane == "away" and job.error]
    routed = node.database.query("SELECT count(*) AS n FROM units WHERE state = 'routed'")[0]["n"]
    reached = all(len(node.queue.list(kind, (state,))) == n for (state, kind), n in wanted.items())
    return reached and len(tried) == 1 and routed == 8
