"""Who may open an association, and which presentation contexts it gets.

Everything storable is taken: every storage SOP class, retired, private and unknown ones too, in the first transfer
syntax of the peer's own order that anybody here knows. What is compressed is kept as it comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from pydicom.uid import UID
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification

from dicom_node.config import Accept

STORAGE_CLASSES = frozenset(str(context.abstract_syntax) for context in AllStoragePresentationContexts)
NOT_FOR_STORE = ("StorageCommitment", "StorageManagement", "MediaStorageDirectory")
TRANSFER_SYNTAXES = frozenset(ALL_TRANSFER_SYNTAXES)
VERIFICATION_SYNTAXES = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"]


@dataclass(frozen=True)
class Rejection:
    """An A-ASSOCIATE-RJ (PS3.8 table 9-21) and what the log says of it."""

    result: int
    source: int
    reason: int
    text: str


PERMANENT, TRANSIENT = 1, 2
SERVICE_USER, SERVICE_PROVIDER_PRESENTATION = 1, 3
NO_REASON, CALLING_AE_UNKNOWN, CALLED_AE_UNKNOWN = 1, 3, 7
TEMPORARY_CONGESTION, LOCAL_LIMIT_EXCEEDED = 1, 2

STOPPING = Rejection(TRANSIENT, SERVICE_PROVIDER_PRESENTATION, TEMPORARY_CONGESTION, "the node is stopping")
FULL = Rejection(TRANSIENT, SERVICE_PROVIDER_PRESENTATION, LOCAL_LIMIT_EXCEEDED, "max_associations are open")


def judge_request(accept: Accept, address: str, calling_ae: str, called_ae: str) -> Rejection | None:
    """Why this association is refused; None when it is welcome. An empty list of ``accept`` lets any."""
    if accept.networks and not _inside(address, accept):
        return Rejection(PERMANENT, SERVICE_USER, NO_REASON, "its address is in none of accept.networks")
    if accept.calling_ae and calling_ae.strip() not in accept.calling_ae:
        return Rejection(PERMANENT, SERVICE_USER, CALLING_AE_UNKNOWN, "its AE title is not in accept.calling_ae")
    if accept.called_ae and called_ae.strip() not in accept.called_ae:
        return Rejection(PERMANENT, SERVICE_USER, CALLED_AE_UNKNOWN, "the called AE title is not in accept.called_ae")
    return None


def _inside(address: str, accept: Accept) -> bool:
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:  # a dual-stack socket shows IPv4 peers so
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in accept.networks)


def supported_contexts(proposed: Iterable[PresentationContext]) -> list[PresentationContext]:
    """What this node supports of what a peer proposes."""
    syntaxes: dict[str, list[str]] = {}
    for context in proposed:
        abstract = str(context.abstract_syntax)
        known = [str(syntax) for syntax in context.transfer_syntax if syntax in TRANSFER_SYNTAXES]
        if is_storage(abstract) and known:
            ordered = syntaxes.setdefault(abstract, [])
            ordered.extend(syntax for syntax in known if syntax not in ordered)
    return [
        build_context(Verification, VERIFICATION_SYNTAXES),
        *(build_context(abstract, ordered) for abstract, ordered in syntaxes.items()),
    ]


def is_storage(sop_class_uid: str) -> bool:
    """Whether objects of this class can be stored: a storage class, a retired one, or one that nobody here knows."""
    uid = UID(sop_class_uid)
    if sop_class_uid in STORAGE_CLASSES or uid.is_private or (not uid.keyword and uid.name == sop_class_uid):
        return True
    return "Storage" in uid.keyword and not uid.keyword.startswith(NOT_FOR_STORE)
