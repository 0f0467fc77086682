"""Rewriting a file for a peer that takes no compressed or explicit encoding; only where no pixel changes."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

PLAIN_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
"""What every archive should take, the first preferred."""

_COMPRESSED = (RLELossless, JPEGLosslessSV1, JPEGLossless, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless)
_LOSSLESS = (*PLAIN_SYNTAXES, DeflatedExplicitVRLittleEndian, *_COMPRESSED)


def alternatives(transfer_syntax_uid: str) -> tuple[str, ...]:
    """Transfer syntaxes that a file may be sent in, its own first."""
    plain = PLAIN_SYNTAXES if transfer_syntax_uid in _LOSSLESS else ()
    return tuple(dict.fromkeys((transfer_syntax_uid, *plain)))


def transcode(path: Path, transfer_syntax_uid: str, folder: Path) -> Path:
    """Writes a copy of ``path`` in another of its ``alternatives`` into ``folder``; the caller removes it.

    The data set is held in memory while it is rewritten.
    """
    dataset = dcmread(path)
    if dataset.file_meta.TransferSyntaxUID in _COMPRESSED:
        dataset.decompress(generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    target = folder / f"{path.stem}.{'implicit' if transfer_syntax_uid == ImplicitVRLittleEndian else 'explicit'}.dcm"
    dataset.save_as(target, implicit_vr=transfer_syntax_uid == ImplicitVRLittleEndian, little_endian=True)
    return target
