"""Deterministic UIDs: the same work names its objects the same, so a repeated delivery cannot duplicate.

``2.25.`` + UUIDv5 (PS3.5 B.2) of (node namespace, algorithm, version, model digests, source SOP Instance UIDs,
options, role, SOP class); of what follows from a person's act also of that act: who, when, of which draft, to what.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import UTC
from uuid import UUID, uuid5

from dicom_node.algorithm import AlgorithmInfo
from dicom_node.encode.job import EncodeJob

# UUIDv5 of the DNS name "dicom-node": the space of the replacement UIDs
_PROJECT = UUID("27cfca3d-c1f8-5978-b6f8-e81ec32d7835")

# Where results are made without a node, and so without its namespace (`dicom-node run`)
DEFAULT_NAMESPACE = uuid5(_PROJECT, "run")


def _uid(namespace: UUID, *parts: object) -> str:
    name = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"2.25.{uuid5(namespace, name).int}"


def replacement_uid(original: str, *why: object) -> str:
    """UID of what takes the place of ``original`` for a peer; ``why`` says how it differs."""
    return _uid(_PROJECT, original, why)


def _act(job: EncodeJob) -> tuple[object, ...]:
    """What tells a person's act from every other; () where no person has acted."""
    act = job.verification
    if act is None:
        return ()
    who = (act.observer_name, act.observer_role, act.organisation, act.at.astimezone(UTC).isoformat())
    what = (act.outcome.value, act.conclusion, [astuple(change) for change in act.changes])
    return (*who, *what, [ref.sop_instance_uid for ref in job.predecessor])


@dataclass(frozen=True, slots=True)
class ResultUids:
    """Gives every UID of one job's results; two jobs with the same work give the same ones."""

    namespace: UUID
    work: tuple[object, ...]
    device: tuple[object, ...]
    thing: tuple[object, ...]

    @classmethod
    def of(
        cls,
        info: AlgorithmInfo,
        job: EncodeJob,
        study_uid: str,
        series_uids: Iterable[str],
        instance_uids: Iterable[str],
    ) -> ResultUids:
        """The UIDs of what ``info`` with ``job.options`` makes of these sources."""
        models = sorted(model.sha256 for model in info.models)
        device = (info.name, info.version, models)
        return cls(
            job.namespace,
            (*device, sorted(instance_uids), dict(job.options), *_act(job)),
            device,
            (info.name, study_uid, sorted(set(series_uids))),
        )

    def instance(self, role: str, sop_class_uid: str) -> str:
        """SOP Instance UID of the object of that role."""
        return _uid(self.namespace, "instance", self.work, role, sop_class_uid)

    def series(self, role: str, sop_class_uid: str) -> str:
        """Series Instance UID: every object has a series of its own."""
        return _uid(self.namespace, "series", self.work, role, sop_class_uid)

    def dimensions(self, role: str) -> str:
        """Dimension Organization UID (0020,9164)."""
        return _uid(self.namespace, "dimensions", self.work, role)

    def device_uid(self) -> str:
        """Device UID (0018,1002): another algorithm version or another model is another device (IHE AIR)."""
        return _uid(self.namespace, "device", self.device)

    def tracking(self, tracking_id: str) -> str:
        """Tracking UID of a thing: the same in report and segmentation, and in the next revision."""
        return _uid(self.namespace, "tracking", self.thing, tracking_id)
