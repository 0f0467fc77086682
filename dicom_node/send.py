"""What ``dicom-node send`` does: files and folders to one receiver by C-STORE, each with its status, none twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.filereader import read_file_meta_info
from pydicom.uid import MediaStorageDirectoryStorage

from dicom_node.deliver.scu import MOST_CONTEXTS, Remote, ScuAssociation
from dicom_node.deliver.statuses import Fate, judge
from dicom_node.errors import PeerError, UnreadableInstance, UsageError
from dicom_node.load.header import reading, text
from dicom_node.load.instance import UID_CHARACTERS

CONTEXTS_PER_ASSOCIATION = MOST_CONTEXTS - 2
"""Room for what ScuAssociation proposes besides."""

SendProgress = Callable[[int, int], None]
"""Told after each object: how many are dealt with, and of how many."""


def _tell_nobody(done: int, total: int) -> None:
    return


@dataclass(frozen=True, slots=True)
class SentItem:
    """What became of one file; ``status`` is the response's, such as "0x0000", '' where there was none."""

    path: str
    sop_class_uid: str
    sop_instance_uid: str
    stored: bool
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class SendReport:
    """All files of one call. ``left_out`` are files that are no DICOM objects."""

    items: tuple[SentItem, ...]
    left_out: tuple[str, ...] = ()

    @property
    def all_stored(self) -> bool:
        return all(item.stored for item in self.items)


@dataclass(frozen=True, slots=True)
class _Outgoing:
    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str

    @property
    def context(self) -> tuple[str, str]:
        return self.sop_class_uid, self.transfer_syntax_uid


def send_paths(
    paths: Sequence[Path], host: str, port: int, calling: str, called: str, progress: SendProgress = _tell_nobody
) -> SendReport:
    """Sends files and the files of folders, compressed ones as they are. Nothing is tried twice.

    Raises:
        UsageError: there is nothing to send.
        PeerError: there is no association to begin with; the text says what to check.
    """
    outgoing, items, left_out = _collect(paths)
    if not outgoing and not items:
        raise UsageError(f"no DICOM file among {len(left_out)} file(s): nothing to send")
    remote = Remote(host, port, called, calling)
    total, broken = len(items) + len(outgoing), len(items)
    for batch in _batches(outgoing):
        rest: Sequence[_Outgoing] = batch
        while rest:
            try:
                sent = _send_batch(remote, rest, lambda: progress(len(items) + 1, total), items)
            except PeerError as error:
                if len(items) == broken:
                    raise
                items.extend(_unsent(item, str(error)) for item in rest)
                break
            rest = rest[sent:]
    return SendReport(tuple(items), left_out)


def _send_batch(remote: Remote, batch: Sequence[_Outgoing], tell: Callable[[], None], items: list[SentItem]) -> int:
    """Sends over one association until it is lost; returns how many files are dealt with.

    Raises:
        PeerError: no association.
    """
    with ScuAssociation(remote, (item.context for item in batch)) as association:
        for position, item in enumerate(batch, start=1):
            tell()
            if item.context not in association.accepted:
                items.append(
                    _unsent(
                        item,
                        f"the receiver accepts no presentation context for SOP class {item.sop_class_uid} "
                        f"in transfer syntax {item.transfer_syntax_uid}",
                    )
                )
                continue
            try:
                status = judge(association.store(item.path))
            except PeerError as error:
                items.append(_unsent(item, str(error)))
                return position
            items.append(
                SentItem(
                    path=str(item.path),
                    sop_class_uid=item.sop_class_uid,
                    sop_instance_uid=item.sop_instance_uid,
                    stored=status.fate is Fate.DELIVERED,
                    status=f"0x{status.code:04X}",
                    reason=status.reason,
                )
            )
    return len(batch)


def _unsent(item: _Outgoing, reason: str) -> SentItem:
    return SentItem(str(item.path), item.sop_class_uid, item.sop_instance_uid, False, "", reason)


def _collect(paths: Sequence[Path]) -> tuple[list[_Outgoing], list[SentItem], tuple[str, ...]]:
    """What to send, what is DICOM but too broken to be sent, and what is something else."""
    outgoing, broken, left_out = [], [], []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        for file in sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]:
            try:
                item = _identify(file)
            except UnreadableInstance as error:
                broken.append(SentItem(str(file), "", "", False, "", str(error)))
                continue
            if item is None:
                left_out.append(str(file))
            else:
                outgoing.append(item)
    return outgoing, broken, tuple(left_out)


def _identify(path: Path) -> _Outgoing | None:
    """What a part-10 file says of itself in its file meta information; ``None`` for anything else.

    Raises:
        UnreadableInstance: its file meta information does not name SOP class, SOP instance and transfer syntax.
    """
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
    with reading(path):
        meta = read_file_meta_info(path)
    keywords = ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID")
    found = {keyword: text(meta, keyword) for keyword in keywords}
    wrong = [keyword for keyword, uid in found.items() if not UID_CHARACTERS.fullmatch(uid)]
    if wrong:
        raise UnreadableInstance(f"{path.name}: {', '.join(wrong)} absent or no UID in its file meta information")
    item = _Outgoing(path, *found.values())
    return None if item.sop_class_uid == MediaStorageDirectoryStorage else item


def _batches(outgoing: Sequence[_Outgoing]) -> Iterator[list[_Outgoing]]:
    """Runs of files, in order, whose presentation contexts fit one association."""
    batch: list[_Outgoing] = []
    contexts: set[tuple[str, str]] = set()
    for item in outgoing:
        if item.context not in contexts and len(contexts) == CONTEXTS_PER_ASSOCIATION:
            yield batch
            batch, contexts = [], set()
        batch.append(item)
        contexts.add(item.context)
    if batch:
        yield batch
