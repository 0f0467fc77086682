"""What ``routing.yaml`` says, as frozen values: the node's settings, its peers, its rules. ``reader.py`` reads them.

The defaults stand here and nowhere else; ``reader.FIELDS`` repeats each as text, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID, uuid5

from dicom_node.conditions import Condition
from dicom_node.config.scalars import workers

_UID_NAMESPACES = UUID("6f0c4f5e-1b0a-5d0e-9b3c-0d1c0a9e7c11")


def namespace_of(ae_title: str) -> UUID:
    """The namespace of the result UIDs of a node that was not given one."""
    return uuid5(_UID_NAMESPACES, ae_title)


@dataclass(frozen=True, slots=True)
class Accept:
    """Who may open an association; an empty tuple lets any."""

    calling_ae: tuple[str, ...] = ()
    called_ae: tuple[str, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Of associations, in seconds: negotiation, a DIMSE message, and silence on an open association."""

    acse_s: float = 30.0
    dimse_s: float = 60.0
    network_s: float = 120.0


@dataclass(frozen=True, slots=True)
class CandidatePlan:
    """When a candidate of an algorithm's models is prepared: so much later than the last, with so many new cases."""

    every_s: float
    at_least: int


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The ``node`` section."""

    ae_title: str = "DICOM_NODE"
    bind: str = "127.0.0.1"
    port: int = 11112
    data_dir: Path = Path("var")
    accept: Accept = Accept()
    series_complete_after_s: float = 10.0
    study_complete_after_s: float = 60.0
    workers: int = field(default_factory=lambda: workers("auto"))
    job_time_limit_s: float = 1800.0
    job_memory_limit_mib: int = 8192
    min_free_mib: int = 1024
    max_pdu: int = 131072
    max_associations: int = 25
    timeouts: Timeouts = Timeouts()
    uid_namespace: UUID = namespace_of("DICOM_NODE")  # noqa: RUF009 - a pure function of a constant
    engine: Literal["local"] = "local"
    candidates: Mapping[str, CandidatePlan] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Retry:
    """When a delivery is tried again: after first_s, then each time factor longer, at most max_s apart.

    ``give_up_after_s`` counts from the first try; infinity: never.
    """

    first_s: float = 10.0
    factor: float = 2.0
    max_s: float = 600.0
    give_up_after_s: float = 7 * 86400.0


class Viewer(Enum):
    """What the peer's people look with. OHIF shows a segmentation without frame of reference (ultrasound) only where
    a shared Plane Orientation is in it, which the standard does not provide for: said by name, never by default.
    """

    STANDARD = "standard"
    OHIF = "ohif"


@dataclass(frozen=True, slots=True)
class Peer:
    """One entry of ``peers``: where results are sent. ``exclude``: SOP class UIDs and roles that it shall not get."""

    name: str
    ae_title: str
    host: str
    port: int
    calling_ae: str = "DICOM_NODE"
    retry: Retry = Retry()
    timeout_s: float = 30.0
    exclude: tuple[str, ...] = ()
    viewer: Viewer = Viewer.STANDARD


@dataclass(frozen=True, slots=True)
class ReviewTerms:
    """``review`` of a rule: whether a person judges the results, and what goes out before and after.

    ``required``: auto is what the algorithm says of each result. ``draft``: the results as the algorithm made them are
    sent at once, or held until a person has confirmed them. ``on_reject``: what tells the peers of a rejection.
    """

    required: Literal["auto", "always", "never"] = "auto"
    draft: Literal["send", "hold"] = "send"
    on_reject: Literal["key_object", "nothing"] = "key_object"

    def asked(self, by_algorithm: bool) -> bool:
        """Whether a person must judge a result of which the algorithm says that it needs it, or does not."""
        return self.required == "always" or (self.required == "auto" and by_algorithm)

    def stricter(self, other: ReviewTerms) -> ReviewTerms:
        """What two rules ask for that share one analysis: of each key the more careful word."""
        required: Literal["auto", "always", "never"] = "auto"
        if "always" in (self.required, other.required):
            required = "always"
        elif self.required == other.required:
            required = self.required
        return ReviewTerms(
            required,
            "hold" if "hold" in (self.draft, other.draft) else "send",
            "key_object" if "key_object" in (self.on_reject, other.on_reject) else "nothing",
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of ``rules``; ``line`` is where it stands. A limit of None is the node's."""

    name: str
    when: Condition
    run: str
    send_to: tuple[str, ...]
    group: Literal["series", "study"] = "series"
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    priority: int = 0
    time_limit_s: float | None = None
    memory_limit_mib: int | None = None
    review: ReviewTerms = ReviewTerms()
    line: int = 0


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The whole of ``routing.yaml``."""

    node: NodeSettings
    peers: Mapping[str, Peer]
    rules: tuple[Rule, ...]
    path: Path
