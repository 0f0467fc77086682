"""One association as a requestor."""

from __future__ import annotations

import threading
import time

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.archive import EmbeddedArchive
from dicom_node.deliver.scu import Remote, ScuAssociation
from tests.deliver.conftest import result_file

pytestmark = pytest.mark.loopback
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


class WideGap(threading.Event):
    """pynetdicom's pause of its reactor with the gap held open: who passes is still shown as waiting for 20 ms."""

    def wait(self, timeout: float | None = None) -> bool:
        passed = super().wait(timeout)
        time.sleep(0.02)
        return passed


def test_a_response_goes_to_the_caller_even_where_the_reactor_is_late_to_pause(tmp_path):
    files = [result_file(tmp_path / f"{n}.dcm", CAPTURE, f"1.9.{n}") for n in range(10)]
    with EmbeddedArchive(tmp_path / "kept") as archive:
        remote = Remote("127.0.0.1", archive.port, "ARCHIVE", "ME", timeout_s=2.0)
        with ScuAssociation(remote, [(CAPTURE, ExplicitVRLittleEndian)]) as association:
            gap = WideGap()
            gap.set()
            association._association._reactor_checkpoint = gap
            assert [association.store(file) for file in files] == [0x0000] * len(files)
