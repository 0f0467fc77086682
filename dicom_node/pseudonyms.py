"""What stands for a name: tokens, UIDs and days that follow from the original and a key that never leaves the node.

The same original gives the same pseudonym in every export, so that what belongs together stays together; without the
key nobody gets from one to the other, not even by trying all originals.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import uuid
from pathlib import Path

from dicom_node.errors import StorageError

KEY_FILE = "pseudonyms.key"
KEY_BYTES = 32
MOST_DAYS = 3650


class Pseudonyms:
    """HMAC-SHA-256 (RFC 2104) under a node's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_node(cls, data_dir: Path) -> Pseudonyms:
        """With the key of the node, which is made at first use. Raises StorageError where the disk refuses."""
        path = data_dir / KEY_FILE
        try:
            if not path.exists():
                _make_key(path)
            key = path.read_bytes()
        except OSError as error:
            raise StorageError(f"{KEY_FILE} cannot be read or made: {error.strerror}") from error
        if len(key) != KEY_BYTES:
            raise StorageError(
                f"{KEY_FILE} has {len(key)} bytes; {KEY_BYTES} are needed: bring it back from the backup, since with a "
                "new key the same patient gets another pseudonym"
            )
        return cls(key)

    def token(self, *parts: str) -> str:
        """Sixteen hexadecimal digits that stand for ``parts``."""
        return self._digest("token", *parts)[:8].hex()

    def uid(self, original: str) -> str:
        """A UID (PS3.5 B.2) that stands for another."""
        return f"2.25.{uuid.UUID(bytes=self._digest('uid', original)[:16], version=5).int}"

    def days(self, subject: str) -> int:
        """By how many days all dates of a subject are moved back: 1 to ``MOST_DAYS``."""
        return 1 + int.from_bytes(self._digest("days", subject)[:8], "big") % MOST_DAYS

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self._key, "\0".join(parts).encode(), "sha256")


def _make_key(path: Path) -> None:
    """A whole key or none, under its name for the first who makes one."""
    temporary = path.with_name(f".{KEY_FILE}-{uuid.uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):  # somebody else was first
            os.link(temporary, path)
    finally:
        os.close(descriptor)
        temporary.unlink()
