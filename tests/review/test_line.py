"""The whole line with a person in it: storescu, node, `review correct` while the node is down, archive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import EncapsulatedPDFStorage

from dicom_node.archive import EmbeddedArchive
from dicom_node.config import load_config
from dicom_node.demo import free_port
from dicom_node.node import Node
from dicom_node.plugins import Catalogue
from dicom_node.testing import install_fake_algorithms

pytestmark = [pytest.mark.loopback, pytest.mark.process]

STILL = Path(__file__).resolve().parents[2] / "sample_dicom" / "other" / "b_mode_still.dcm"
ROUTING = """\
node:
  port: {port}
  data_dir: ./node
  series_complete_after: 200ms
  min_free: 1MiB
  workers: 1
peers:
  archive: {{ae_title: ARCHIVE, host: 127.0.0.1, port: {archive_port}, retry: {{first: 100ms, max: 200ms}}}}
rules:
  - name: grade it
    when: {{Modality: US}}
    run: fake_grading
    options: {{asks: false}}
    send_to: [archive]
    review: always
"""


def command(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`dicom-node` as a person calls it, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    called = [sys.executable, "-m", "dicom_node", *words]
    return subprocess.run(called, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_draft_is_corrected_while_the_node_is_down_and_the_documents_reach_the_archive_after_its_start(
    tmp_path, monkeypatch, storescu, until
):
    monkeypatch.syspath_prepend(install_fake_algorithms(tmp_path / "fakes"))
    with EmbeddedArchive(tmp_path / "archive") as archive:
        port = free_port()
        routing = tmp_path / "routing.yaml"
        routing.write_text(ROUTING.format(port=port, archive_port=archive.port))
        catalogue = Catalogue()
        node = Node(load_config(routing, catalogue), catalogue)
        node.start()
        try:
            storescu(port, STILL, "-xr")
            until(lambda: node.queue.list("deliver", ("done",)), "the draft is delivered")
        finally:
            node.stop()
        drafted = archive.order
        assert len(drafted) == 2

        words = ["--set", "level=60", "--as", "Meyer^Anna", "--role", "radiologist", "--organisation", "City Hospital"]
        done = command("review", "correct", "1", *words, "--conclusion", "Middle, surely.", folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert archive.order == drafted

        node = Node(load_config(routing, catalogue), catalogue)
        node.start()
        try:
            (report_job,) = node.queue.list("report")
            until(lambda: node.queue.list("deliver", ("done",), parent_id=report_job.id), "the documents are delivered")
        finally:
            node.stop()

        came = archive.order[len(drafted) :]
        by_class = {str(archive.kept[uid].header.SOPClassUID): uid for uid in came}
        assert (len(came), len(by_class)) == (2, 2)
        assert by_class.pop(EncapsulatedPDFStorage) == came[0]  # the report last: it names nothing that is not there
        report = pydicom.dcmread(archive.kept[came[1]].path)
        (draft,) = [archive.kept[uid].header for uid in drafted if archive.kept[uid].header.Modality == "SR"]
        assert (report.VerificationFlag, report.PreliminaryFlag) == ("VERIFIED", "FINAL")
        (study,) = report.PredecessorDocumentsSequence
        predecessor = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        assert predecessor == draft.SOPInstanceUID
        assert report.StudyInstanceUID == draft.StudyInstanceUID
        assert set(archive.times_stored.values()) == {1}
