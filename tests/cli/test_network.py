"""send and archive."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_node.archive import Behaviour, EmbeddedArchive
from dicom_node.demo import free_port

pytestmark = pytest.mark.loopback

SAMPLES = Path(__file__).resolve().parents[2] / "sample_dicom"


def test_send_tells_what_became_of_each_file(call, tmp_path):
    with EmbeddedArchive(tmp_path) as archive:
        to = f"127.0.0.1:{archive.port}"
        shown = call("send", SAMPLES / "other", "--to", to)
        assert (shown.code, shown.out, shown.err) == (0, f"1 of 1 stored at {to}\n", "")
        (item,) = json.loads(call("send", SAMPLES / "other", "--to", to, "--json").out)
    assert (item["stored"], item["status"]) == (True, "0x0000")


def test_send_tells_what_was_refused_and_why(call, tmp_path):
    with EmbeddedArchive(tmp_path, behaviour=Behaviour(before=lambda request: 0xA700)) as archive:
        shown = call("send", SAMPLES / "other", "--to", f"127.0.0.1:{archive.port}")
    assert shown.code == 7
    assert "b_mode_still.dcm" in shown.out
    assert "0xA700" in shown.out
    assert "1 object(s) were not stored" in shown.err


# pynetdicom drops the socket of a refused connection without closing it
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_send_to_nobody_says_what_to_check(call):
    port = free_port()
    shown = call("send", SAMPLES / "other", "--to", f"127.0.0.1:{port}")
    assert shown.code == 7
    assert f"no connection to ANY-SCP at 127.0.0.1:{port}: Connection refused; check host and port" in shown.err


@pytest.mark.parametrize("to", ["127.0.0.1", "127.0.0.1:x", ":104", "host:70000"])
def test_a_wrong_destination_is_wrong_use(call, to):
    shown = call("send", SAMPLES, "--to", to)
    assert shown.code == 2
    assert "--to takes HOST:PORT, such as 127.0.0.1:11112" in shown.err


def test_send_without_dicom_is_wrong_use(call, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    shown = call("send", tmp_path, "--to", "127.0.0.1:104")
    assert shown.code == 2
    assert "nothing to send" in shown.err


@pytest.mark.process
def test_archive_keeps_what_is_sent_until_it_is_stopped(call, tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "dicom_node", "archive", "--dir", str(tmp_path), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as archive:
        assert archive.stdout.readline().startswith(f"ARCHIVE listens on 127.0.0.1:{port}")
        assert call("send", SAMPLES / "other", "--to", f"127.0.0.1:{port}").code == 0
        archive.send_signal(signal.SIGTERM)
        assert archive.wait(30) == 0
    assert len(list(tmp_path.glob("*/*/*.dcm"))) == 1
