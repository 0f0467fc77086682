"""What the tests need from outside, and what happens where it is missing."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def _missing(reason: str) -> None:
    """Skips on a user's machine; fails in CI, where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must provide it: {reason}")
    pytest.skip(reason)


@pytest.fixture
def needs_program():
    """A function: full path of a program -> the path, or skip (fail with CI=true)."""

    def need(path: str) -> str:
        if not Path(path).exists():
            _missing(f"{path} is not installed (see .ci/run for the Debian package)")
        return path

    return need


@pytest.fixture
def needs_shared():
    """A function: path below ../shared -> the path, or skip (fail with CI=true)."""

    def need(relative: str) -> Path:
        path = SHARED / relative
        if not path.exists():
            _missing(f"../shared/{relative} is not beside this checkout")
        return path

    return need


@pytest.fixture
def needs_package():
    """A function: name of a Python module -> nothing, or skip (fail with CI=true)."""

    def need(module: str) -> None:
        if importlib.util.find_spec(module) is None:
            _missing(f"Python package {module} is not installed (make test installs it: extras train, test)")

    return need


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc: AE title ORTHANC, stores for anybody, checks that it is called by its own AE title."""

    dicom_port: int
    rest_port: int

    def rest(self, path: str) -> object:
        """GET of its REST interface, JSON decoded."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}{path}", timeout=10) as answer:
            return json.load(answer)

    def sop_instance_uids(self) -> set[str]:
        """What it has stored."""
        return {instance["MainDicomTags"]["SOPInstanceUID"] for instance in self.rest("/instances?expand")}

    def report_count(self) -> int:
        """Series of structured reports that it has stored."""
        return sum(series["MainDicomTags"]["Modality"] == "SR" for series in self.rest("/series?expand"))

    def fetch(self, folder: Path) -> list[Path]:
        """Everything that it has stored, as files in a new folder."""
        folder.mkdir()
        paths = []
        for number, identifier in enumerate(self.rest("/instances")):
            url = f"http://127.0.0.1:{self.rest_port}/instances/{identifier}/file"
            paths.append(folder / f"{number}.dcm")
            with urllib.request.urlopen(url, timeout=30) as answer:
                paths[-1].write_bytes(answer.read())
        return paths


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture
def orthanc(needs_program, tmp_path: Path) -> Iterator[Orthanc]:
    """Orthanc from Debian on free ports, with its storage in the test's own folder; stopped afterwards."""
    program = needs_program("/usr/sbin/Orthanc")
    dicom_port, rest_port = _free_ports(2)
    folder = tmp_path / "orthanc"
    folder.mkdir()
    settings = {
        "Name": "dicom-node tests",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [],
        "DicomAet": "ORTHANC",
        "DicomPort": dicom_port,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "HttpPort": rest_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "OverwriteInstances": True,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT)
    try:
        server = Orthanc(dicom_port, rest_port)
        _wait_for(server, process, folder / "log.txt")
        yield server
    finally:
        process.kill()  # it takes seconds to end in order, and nobody needs its folder any more
        process.wait()


def _wait_for(server: Orthanc, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"Orthanc ended with {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            server.rest("/system")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    pytest.fail("Orthanc did not answer within 30 s")


@dataclass(frozen=True)
class ServedNode:
    """A running ``dicom-node serve``; ``data_dir`` is its own folder."""

    port: int
    data_dir: Path


@pytest.fixture
def shipped_node(tmp_path: Path, orthanc: Orthanc, until) -> Iterator[ServedNode]:
    """``dicom-node serve`` with the shipped routing.yaml, but for ports and quiet times; its archive is Orthanc."""
    (port,) = _free_ports(1)
    text = (ROOT / "routing.yaml").read_text()
    changes = {
        "port: 11112": f"port: {port}",
        "ae_title: ARCHIVE, host: 127.0.0.1, port: 4242": (
            f"ae_title: ORTHANC, host: 127.0.0.1, port: {orthanc.dicom_port}"
        ),
        "series_complete_after: 10s": "series_complete_after: 500ms\n  study_complete_after: 1s",
        "workers: auto": "workers: 2",
    }
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    routing, log = tmp_path / "routing.yaml", tmp_path / "serve.log"
    routing.write_text(text)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "dicom_node", "serve", "--config", str(routing)], stdout=out, stderr=out
        )
    try:
        until(lambda: process.poll() is not None or "node is listening" in log.read_text(), "the node listens")
        assert process.poll() is None, log.read_text()
        yield ServedNode(port, tmp_path / "var")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()


@pytest.fixture
def storescu(needs_program) -> Callable[..., None]:
    """A function: sends a file, or with +sd a folder, to a node on a port of loopback, as a modality does."""
    program = needs_program("/usr/bin/storescu")

    def store(port: int, path: Path, *options: str) -> None:
        command = [program, *options, "-R", "-aec", "DICOM_NODE", "127.0.0.1", str(port), str(path)]
        environment = {**os.environ, "TCP_NODELAY": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    return store


@pytest.fixture
def judged(needs_program) -> Callable[..., list[str]]:
    """A function: one of Clunie's programs and files -> the errors that it tells."""

    def judge(program: str, *paths: Path) -> list[str]:
        command = [needs_program(program), *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]

    return judge


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """A function: waits for another thread or process. Returns what the condition gave; fails after ``limit_s``."""

    def wait(condition: Callable[[], Any], what: str, limit_s: float = 60.0) -> Any:
        end = time.monotonic() + limit_s
        while not (answer := condition()):
            assert time.monotonic() < end, f"waited {limit_s:g} s in vain until {what}"
            time.sleep(0.02)
        return answer

    return wait
