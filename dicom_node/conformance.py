"""The DICOM conformance statement, written from the tables that the code itself works by (PS3.2).

    python -m dicom_node.conformance > docs/conformance.md

A test compares the committed file with what this writes, so that it cannot drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom.uid import UID
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, sop_class

from dicom_node import IMPLEMENTATION_CLASS_UID
from dicom_node.config import NodeSettings, Peer
from dicom_node.deliver import statuses
from dicom_node.deliver.deliverer import FALLBACK_SOP_CLASSES
from dicom_node.deliver.transcode import PLAIN_SYNTAXES
from dicom_node.receive.command import Status
from dicom_node.receive.stream import IMPLEMENTATION_VERSION_NAME

MADE = (
    ("1.2.840.10008.5.1.4.1.1.88.34", "the root report of every job (TID 1500), and the one that a person verified"),
    ("1.2.840.10008.5.1.4.1.1.66.4", "segments, BINARY"),
    ("1.2.840.10008.5.1.4.1.1.7", "pictures and 16-bit maps of one frame"),
    ("1.2.840.10008.5.1.4.1.1.7.4", "pictures of several frames"),
    ("1.2.840.10008.5.1.4.1.1.3.1", "derived ultrasound series"),
    ("1.2.840.10008.5.1.4.1.1.88.59", "frames that a reader should see first; a draft that a person rejected"),
    ("1.2.840.10008.5.1.4.1.1.104.1", "a report that a person verified, as pages"),
)
RECEIVED_STATUSES = {
    Status.SUCCESS: "the bytes are on disk and the instance is recorded; or the same bytes were there already",
    Status.PROCESSING_FAILURE: "the node failed; the bytes are set aside where that was possible",
    Status.DUPLICATE_SOP_INSTANCE: "the UID is known with other bytes: the first stays, the second is set aside",
    Status.OUT_OF_RESOURCES: "the disk is full, or below min_free: nothing was kept, send again later",
    Status.DATA_SET_DOES_NOT_MATCH: "the data set's UIDs are not those of the request; it is set aside",
    Status.CANNOT_UNDERSTAND: "the data set cannot be read, or lacks a UID that it needs; it is set aside",
}


def statement() -> str:
    """The whole statement in Markdown."""
    return "\n".join([*_overview(), *_storage_scp(), *_storage_scu(), *_query_scu(), *_limits(), ""])


def _overview() -> Iterator[str]:
    yield "# DICOM conformance statement"
    yield ""
    yield "Written by `python -m dicom_node.conformance` from the code; do not edit. A test holds the two together."
    yield ""
    yield "| role | service | when |"
    yield "|---|---|---|"
    yield "| SCP | Verification, Storage | always, on `node.port` |"
    yield "| SCU | Storage | results to the peers that a rule names |"
    yield "| SCU | Query/Retrieve, Study Root FIND | before an object whose delivery is in doubt is sent again |"
    yield ""
    yield f"Implementation Class UID `{IMPLEMENTATION_CLASS_UID}`, Implementation Version Name"
    yield f"`{IMPLEMENTATION_VERSION_NAME}`."
    yield ""


def _storage_scp() -> Iterator[str]:
    settings = NodeSettings()
    yield "## Storage and Verification SCP"
    yield ""
    yield f"Defaults of `routing.yaml`: AE title {settings.ae_title}, port {settings.port}, at most"
    yield f"{settings.max_associations} associations, maximum PDU {settings.max_pdu} bytes, time limits"
    yield f"{settings.timeouts.acse_s:g} s (ACSE), {settings.timeouts.dimse_s:g} s (DIMSE),"
    yield f"{settings.timeouts.network_s:g} s (silence). Calling and called AE titles and networks can be restricted."
    yield ""
    yield "Of a proposed context the first transfer syntax in the peer's order that is known is accepted. Objects are"
    yield "kept in the transfer syntax in which they came. Private and unknown SOP classes are accepted as storage."
    yield ""
    yield from _table(("SOP class", "UID"), ((_name(uid), f"`{uid}`") for uid in _storage_classes()))
    yield from _table(("transfer syntax", "UID"), ((_name(uid), f"`{uid}`") for uid in ALL_TRANSFER_SYNTAXES))
    rows = ((f"{status.value:04X}", RECEIVED_STATUSES[status]) for status in Status)
    yield from _table(("C-STORE status", "meaning here"), rows)


def _storage_scu() -> Iterator[str]:
    peer = Peer(name="", ae_title="", host="", port=104)
    yield "## Storage SCU"
    yield ""
    yield f"Every SOP class is offered in {' and '.join(_name(uid) for uid in PLAIN_SYNTAXES)}; a result goes out in"
    yield f"the one that the peer takes. Time limit {peer.timeout_s:g} s."
    yield "Images go before the report that refers to them."
    yield ""
    yield from _table(("SOP class made", "UID", "holds"), ((_name(uid), f"`{uid}`", what) for uid, what in MADE))
    yield "Where the peer does not accept one of them, these are offered in its place. Encapsulated PDF, Key Object"
    yield "Selection and Segmentation have no substitute: they are left out, and the report does not name them there."
    yield ""
    yield from _table(("SOP class", "UID"), ((_name(uid), f"`{uid}`") for uid in FALLBACK_SOP_CLASSES))
    codes = [0x0000, 0x0107, 0x0110, 0x0111, 0x0116, 0x0117, 0x0122, 0x0124, 0x0210, 0x0213]
    codes += [0xA700, 0xA900, 0xB000, 0xB006, 0xB007, 0xC000]
    judged = (statuses.judge(code) for code in codes)
    words = {"delivered": "delivered", "waiting": "tried again", "refused": "final, shown as refused"}
    rows = ((f"{status.code:04X}", words[status.fate.value], status.reason or "success") for status in judged)
    yield from _table(("the peer answers", "then", "shown as"), rows)


def _query_scu() -> Iterator[str]:
    yield "## Query SCU"
    yield ""
    yield "Study Root Query/Retrieve FIND (`1.2.840.10008.5.1.4.1.2.2.1`) at IMAGE level, by SOP Instance UID below"
    yield "study and series. Asked only for objects whose delivery was cut off by a crash."
    yield ""


def _limits() -> Iterator[str]:
    yield "## Character sets, security, what is not supported"
    yield ""
    yield "Results are written in ISO_IR 192 (UTF-8); sources may be in any character set of the standard. No TLS, no"
    yield "storage commitment, no DICOMweb in this version. User identity negotiation is accepted and not evaluated."


def _storage_classes() -> list[str]:
    return sorted({str(context.abstract_syntax) for context in AllStoragePresentationContexts}, key=_name)


def _name(uid: str) -> str:
    """As pydicom's registry has it; pynetdicom knows some that are newer, by keyword."""
    name = UID(uid).name
    return next((word for word, known in vars(sop_class).items() if known == uid), name) if name == uid else name


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    titles = list(titles)
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    print(statement(), end="")
