"""What ``dicom-node send`` does: files and folders to one receiver by C-STORE, each with its status, none twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import MediaStorageDirectoryStorage

from dicom_node.deliver.scu import MOST_CONTEXTS, Remote, ScuAssociation
from dicom_node.deliver.statuses import Fate, judge
from dicom_node.errors import PeerError, UsageError

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
    outgoing, left_out = _collect(paths)
    if not outgoing:
        raise UsageError(f"no DICOM file among {len(left_out)} file(s): nothing to send")
    remote = Remote(host, port, called, calling)
    items: list[SentItem] = []
    for batch in _batches(outgoing):
        rest: Sequence[_Outgoing] = batch
        while rest:
            try:
                sent = _send_batch(remote, rest, lambda: progress(len(items) + 1, len(outgoing)), items)
            except PeerError as error:
                if not items:
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


def _collect(paths: Sequence[Path]) -> tuple[list[_Outgoing], tuple[str, ...]]:
    outgoing, left_out = [], []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        for file in sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]:
            item = _identify(file)
            if item is None:
                left_out.append(str(file))
            else:
                outgoing.append(item)
    return outgoing, tuple(left_out)


def _identify(path: Path) -> _Outgoing | None:
    """What a part-10 file says of itself in its file meta information; ``None`` for anything else."""
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
    try:
        meta: FileMetaDataset = read_file_meta_info(path)
        item = _Outgoing(
            path, str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID), str(meta.TransferSyntaxUID)
        )
    except (AttributeError, EOFError, LookupError, NotImplementedError, ValueError):
        return None
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
