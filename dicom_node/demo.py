"""``make demo``: a modality, the node and an archive on loopback; what went in and what came back.

Everything it makes lies in one folder: ``archive/`` (what the archive received), ``node/`` (the node's own data),
``routing.yaml`` (the configuration it ran with) and the PNG previews.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_node.archive import EmbeddedArchive
from dicom_node.config import load_config
from dicom_node.errors import DicomNodeError, UsageError
from dicom_node.node import Node
from dicom_node.plugins import Catalogue
from dicom_node.send import send_paths

ROUTING = """\
# made by dicom-node demo
node:
  ae_title: DICOM_NODE
  bind: 127.0.0.1
  port: {node_port}
  data_dir: ./node
  series_complete_after: 1s
  study_complete_after: 1s
  workers: auto
peers:
  archive: {{ae_title: ARCHIVE, host: 127.0.0.1, port: {archive_port}}}
rules:
  - name: contrast ultrasound to ULM
    when:
      SOPClassUID: UltrasoundMultiFrameImageStorage
      NumberOfFrames: {{min: 30}}
      any:
        - ContrastBolusAgent: {{exists: true}}
        - SeriesDescription: {{matches: "(?i)contrast|ceus|ulm"}}
    run: ulm_decoupling
    send_to: [archive]
  - name: cine MR to left-ventricle quantification
    when:
      SOPClassUID: [MRImageStorage, EnhancedMRImageStorage]
      any:
        - CardiacNumberOfImages: {{min: 5}}
        - {{CardiacSynchronizationTechnique: [RETROSPECTIVE, PROSPECTIVE], NumberOfFrames: {{min: 5}}}}
        - {{TriggerTime: {{exists: true}}, SeriesDescription: {{matches: '(?i)cine'}}}}
        - TriggerTime: {{exists: true}}
          SeriesDescription:
            matches: '(?i)short.?axis|(^|[^a-z])sax?([^a-z]|$)'
            not: {{matches: '(?i)perf|molli|map|lge|psir|tag'}}
    group: study
    run: lv_quantification
    send_to: [archive]
  - name: M-mode to ejection fraction
    when:
      SOPClassUID: [UltrasoundImageStorage, UltrasoundMultiFrameImageStorage]
      SequenceOfUltrasoundRegions.RegionSpatialFormat: 2
    run: mmode_ef
    send_to: [archive]
  - name: B-mode of thyroid or breast to virtual elastography
    when:
      SOPClassUID: [UltrasoundImageStorage, UltrasoundMultiFrameImageStorage]
      SequenceOfUltrasoundRegions.RegionSpatialFormat: 1
      ContrastBolusAgent: {{exists: false}}
      any:
        - BodyPartExamined: {{matches: '(?i)thyroid|breast'}}
        - SeriesDescription: {{matches: '(?i)thyr|breast|mamm'}}
        - StudyDescription: {{matches: '(?i)thyr|breast|mamm'}}
    run: virtual_elastography
    send_to: [archive]
  - name: pelvic ultrasound to ovarian classification
    when:
      SOPClassUID: [UltrasoundImageStorage, UltrasoundMultiFrameImageStorage]
      not: {{PatientSex: M}}
      any:
        - BodyPartExamined: {{matches: '(?i)pelvi|ovar|adnex|uterus'}}
        - SeriesDescription: {{matches: '(?i)pelvi|gyn|ovar|adnex|uterus|vagin'}}
    group: study
    run: ovarian_classification
    send_to: [archive]
"""
TIME_LIMIT_S = 600.0
SETTLED = ("done", "unsuitable", "failed", "parked", "cancelled")


@dataclass(frozen=True, slots=True)
class SeriesOutcome:
    """What became of one series that was sent."""

    series_uid: str
    files: tuple[str, ...]
    complete_because: str
    decision: str
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo shows: outcomes, pictures, and how long it took from the first C-STORE to the last delivery."""

    outcomes: tuple[SeriesOutcome, ...]
    pictures: tuple[Path, ...]
    received_objects: int
    duration_s: float
    problems: tuple[str, ...]


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_samples() -> Path:
    """The sample series; they lie beside the package, in the source tree as in an installation.

    Raises:
        UsageError: they do not.
    """
    folder = Path(__file__).resolve().parent.parent / "sample_dicom"
    if not any(folder.glob("**/*.dcm")):
        raise UsageError("the sample series are not installed: name a folder of DICOM with --samples")
    return folder


def run_demo(out: Path, samples: Path, tell: Callable[[str], None]) -> DemoReport:
    """Runs the whole straight line once on ``samples`` and leaves what came of it in ``out``.

    Raises:
        UsageError: ``out`` holds something that no demo made.
        DicomNodeError: the jobs did not come to an end in time.
    """
    _prepare(out)
    node_port, archive_port = free_port(), free_port()
    routing = out / "routing.yaml"
    routing.write_text(ROUTING.format(node_port=node_port, archive_port=archive_port))
    catalogue = Catalogue()
    config = load_config(routing, catalogue)
    with EmbeddedArchive(out / "archive", ae_title="ARCHIVE", bind="127.0.0.1", port=archive_port):
        tell(f"archive listens on 127.0.0.1:{archive_port}")
        node = Node(config, catalogue)
        try:
            node.start()
            tell(f"node listens on 127.0.0.1:{node_port}")
            began = time.monotonic()
            report = send_paths([samples], "127.0.0.1", node_port, "MODALITY", config.node.ae_title)
            tell(f"modality sent {len(report.items)} objects from {samples.name}; all stored: {report.all_stored}")
            _wait_until_settled(node, tell)
            duration_s = time.monotonic() - began
            return _report(node, out, {item.sop_instance_uid: item.path for item in report.items}, duration_s)
        finally:
            node.stop()


def _prepare(out: Path) -> None:
    marker = out / "routing.yaml"
    if out.exists() and any(out.iterdir()):
        if not (marker.exists() and marker.read_text().startswith("# made by dicom-node demo")):
            raise UsageError(f"{out} holds other things: give --out an empty folder, or one of an earlier demo")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)


def _wait_until_settled(node: Node, tell: Callable[[str], None]) -> None:
    """Waits until every series is routed and every job is at an end."""
    until, told = time.monotonic() + TIME_LIMIT_S, ""
    while time.monotonic() < until:
        units = node.database.query("SELECT count(*) AS n FROM units WHERE state <> 'routed'")[0]["n"]
        jobs = node.database.query("SELECT kind, state, doing FROM jobs")
        busy = [job for job in jobs if job["state"] not in SETTLED]
        if not units and not busy:  # what was acknowledged has its rows
            return
        doing = f"{units} series or studies open, {len(busy)} of {len(jobs)} jobs at work"
        if doing != told:
            tell(doing)
            told = doing
        time.sleep(0.1)
    raise DicomNodeError(f"the demo's jobs did not end within {TIME_LIMIT_S:.0f} s: see dicom-node jobs list")


def _report(node: Node, out: Path, sent: Mapping[str, str], duration_s: float) -> DemoReport:
    outcomes, problems = [], []
    for unit in node.database.query("SELECT * FROM units WHERE kind = 'series' ORDER BY first_at"):
        rows = node.database.query("SELECT sop_instance_uid FROM instances WHERE series_uid = ?", (unit["uid"],))
        members = {row["sop_instance_uid"] for row in rows}  # a job of a study has instances of several series
        jobs = [job for job in node.queue.list(kind="analyse") if members.intersection(job.work.instances)]
        files = tuple(sorted(Path(sent[row["sop_instance_uid"]]).name for row in rows))
        for job in jobs:
            delivered = node.database.query(
                "SELECT d.role, d.state, d.reason FROM deliveries d JOIN jobs j ON j.id = d.job_id"
                " WHERE j.parent_id = ? ORDER BY d.role",
                (job.id,),
            )
            objects = tuple(f"{row['role']} ({row['state']})" for row in delivered)
            outcomes.append(
                SeriesOutcome(unit["uid"], files, unit["reason"], f"{job.work.algorithm}: {job.state}", objects)
            )
            if job.state != "done":
                problems.append(f"job {job.id} is {job.state}: {job.error}")
            problems += [f"{r['role']}: {r['state']} {r['reason']}" for r in delivered if r["state"] != "delivered"]
        if not jobs:
            outcomes.append(SeriesOutcome(unit["uid"], files, unit["reason"], "no rule matched: kept and listed", ()))
    pictures = tuple(_copy_pictures(node, out))
    received = sum(1 for _ in (out / "archive").glob("**/*.dcm"))
    return DemoReport(tuple(outcomes), pictures, received, duration_s, tuple(dict.fromkeys(problems)))


def _copy_pictures(node: Node, out: Path):
    outbox = node.config.node.data_dir / "outbox"
    for picture in sorted(outbox.glob("*/preview/*.png")):
        target = out / f"job{picture.parent.parent.name}_{picture.name}"
        shutil.copyfile(picture, target)
        yield target
