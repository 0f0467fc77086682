"""Files that survive a crash: the inbox (what was received), the aside folder, the outbox (what was made).

A file is promised in three steps, in this order: its bytes are synced, it is renamed to its final name inside the same
file system, and the folder that now names it is synced (fsync(2): "does not necessarily ensure that the entry in the
directory containing the file has also reached disk"). Only then may a row say that it is there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dicom_node.errors import StorageError

FOLDER_MODE = 0o750  # patient data: nothing for others
READ_BYTES = 1 << 20

PREAMBLE_BYTES = 128  # PS3.10 section 7.1
PREFIX = b"DICM"
FILE_META_GROUP = 0x0002
LONG_VRS = (b"OB", b"OW", b"UN", b"UT", b"SQ", b"OF", b"OD", b"OL", b"UC", b"UR")  # PS3.5 table 7.1-1; of group 2: OB


@dataclass(frozen=True)
class StoredFile:
    """A file below ``data_dir``: relative path, size of the whole file, digest of its data set."""

    path: str
    size_bytes: int
    sha256: str


class Inbox:
    """Received part-10 files: ``incoming/`` while they arrive, ``inbox/`` when promised, ``aside/`` when unusable.

    All three lie in ``data_dir``, so that keeping is one rename. A SOP Instance UID never becomes a path: the name is
    its SHA-256, so no value of a peer can point anywhere else, collide by case or be too long.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.incoming = data_dir / "incoming"
        self._inbox = data_dir / "inbox"
        self._aside = data_dir / "aside"
        self._durable: set[Path] = set()  # folders whose own names are synced
        self._making_folder = threading.Lock()
        with _refusals(data_dir):
            self.incoming.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            for folder in (self._inbox, self._aside):
                folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
                self._durable.update(folder.iterdir())
                sync_folder(folder)
            sync_folder(data_dir)

    def path_of(self, sop_instance_uid: str) -> Path:
        """Where this instance is, or would be, kept."""
        name = hashlib.sha256(sop_instance_uid.encode("utf-8", "surrogateescape")).hexdigest()
        return self._inbox / name[:2] / f"{name}.dcm"

    def holds(self, sop_instance_uid: str, size_bytes: int) -> bool:
        """Whether this instance's file is there in full."""
        try:
            return self.path_of(sop_instance_uid).stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def relative(self, path: Path) -> str:
        """The form in which rows hold a path."""
        return path.relative_to(self.data_dir).as_posix()

    def keep(self, temporary: Path, sop_instance_uid: str) -> None:
        """Makes a file of ``incoming`` the instance's own; when this returns it survives a crash.

        Raises:
            StorageError: the disk refused; the instance must not be acknowledged.
        """
        self._move_durably(temporary, self.path_of(sop_instance_uid))

    def set_aside(self, temporary: Path, sha256: str) -> str:
        """Keeps a file that cannot be used, with the same guarantees; the same bytes are kept once.

        Args:
            temporary: the file; afterwards it is gone from there.
            sha256: of its data set, in hex: the name it is kept under.

        Returns:
            The path relative to ``data_dir``.

        Raises:
            StorageError: the disk refused.
        """
        final = self._aside / sha256[:2] / f"{sha256}.dcm"
        with _refusals(temporary):
            known = final.exists()
            if known:
                temporary.unlink()
                sync_folder(final.parent)  # whoever put it there may not have come so far
        if not known:
            self._move_durably(temporary, final)
        return self.relative(final)

    def _move_durably(self, source: Path, target: Path) -> None:
        with _refusals(source):
            _sync_file(source)
            self._make_durable(target.parent)
            source.rename(target)
            sync_folder(target.parent)

    def _make_durable(self, folder: Path) -> None:
        """Makes one of the 256 folders at its first use; others wait, because they rely on its name being synced."""
        with self._making_folder:
            if folder not in self._durable:
                folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
                sync_folder(folder.parent)
                self._durable.add(folder)

    def discard(self, temporary: Path) -> None:
        """Removes a file of ``incoming`` that nobody was promised. Raises StorageError where the disk refuses."""
        with _refusals(temporary):
            temporary.unlink(missing_ok=True)

    def kept_files(self) -> Iterator[tuple[str, int]]:
        """Relative path and size of every file of the inbox, in no particular order. There may be millions."""
        for folder in sorted(self._inbox.iterdir()):
            prefix = self.relative(folder)
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".dcm") and entry.is_file(follow_symlinks=False):
                        yield f"{prefix}/{entry.name}", entry.stat(follow_symlinks=False).st_size


class Outbox:
    """Result files, one folder per analyse job. A job's folder appears whole or not at all."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / "outbox"
        with _refusals(self.folder):
            self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            sync_folder(data_dir)

    def stage(self, job_id: int, token: str) -> Path:
        """An empty folder for the results of one claim of a job; ``token`` is the claim's."""
        staged = self.folder / f".staging-{job_id}-{token}"
        with _refusals(staged):
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir(mode=FOLDER_MODE)
        return staged

    def commit(self, staged: Path, job_id: int) -> Path:
        """Syncs everything in ``staged`` and makes it the job's folder by one rename.

        A folder that an earlier, interrupted claim of the same job left there is replaced: no row promised it.

        Raises:
            StorageError: the disk refused; the job's folder is as it was, or gone where it was being replaced.
        """
        final = self.folder / str(job_id)
        replaced = self.folder / f".replaced-{job_id}"
        with _refusals(staged):
            sync_tree(staged)
            if final.exists():
                shutil.rmtree(replaced, ignore_errors=True)
                final.rename(replaced)
            staged.rename(final)
            sync_folder(self.folder)
            shutil.rmtree(replaced, ignore_errors=True)
        return final

    def clear_staging(self) -> None:
        """Removes what interrupted claims left. Only while no worker runs."""
        for pattern in (".staging-*", ".replaced-*"):
            for left in self.folder.glob(pattern):
                shutil.rmtree(left, ignore_errors=True)


def free_bytes(path: Path) -> int:
    """Bytes that this process may still write to the file system of ``path``."""
    return shutil.disk_usage(path).free


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of_dataset(path: Path) -> str:
    """Digest of a part-10 file's data set, in hex: preamble and file meta information do not count.

    A file without the ``DICM`` prefix is taken as a bare data set.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(dataset_offset(file))
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def dataset_offset(file: BinaryIO) -> int:
    """Where the data set of a part-10 file begins (PS3.10 section 7.1: always Explicit VR Little Endian before it).

    That is where the elements of group 0002 end. A data set that was set aside may itself begin with that group, so the
    group length decides where it falls between two elements; writers that get it wrong are common enough.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(PREAMBLE_BYTES + len(PREFIX))[PREAMBLE_BYTES:] != PREFIX:
        return 0
    offset, declared_end = PREAMBLE_BYTES + len(PREFIX), -1
    while offset != declared_end and len(header := file.read(12)) >= 8:
        group, element, vr, length = struct.unpack("<HH2sH", header[:8])
        if group != FILE_META_GROUP:
            break
        long_form = vr in LONG_VRS
        (value,) = struct.unpack("<L", header[8:].ljust(4, b"\0"))
        offset += 12 + value if long_form else 8 + length
        if element == 0:
            declared_end = offset + value
        file.seek(offset)
    return min(offset, size)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Makes every file and folder in it durable."""
    for directory, _, names in os.walk(folder):
        for name in names:
            _sync_file(Path(directory) / name)
        sync_folder(Path(directory))


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Turns the operating system's refusal into the error that names the place."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path.name} could not be stored: {error.strerror or error}") from error
