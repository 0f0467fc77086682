"""An error as text that may be kept and shown: which error, what it says, where it happened.

No patient attribute may reach the database or a log. Messages of our own errors are written with that in mind.
The message of any other exception may quote a header value (pydicom does, ``int("045Y")`` does), so it is left
out: the class, the frames and their source lines stay, which is enough to find the fault. Of an OSError the
system's own words for its number are kept.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from dicom_node.errors import DicomNodeError

REDACTED = "(its text is not kept: it may quote the header)"
MOST_FRAMES = 30


def reason(error: BaseException) -> str:
    """One line: the message of an error of ours; for any other the class and no message."""
    if isinstance(error, DicomNodeError):
        return str(error) or type(error).__name__
    if isinstance(error, OSError) and error.errno:
        return f"{type(error).__name__}: {os.strerror(error.errno)}"
    return f"{type(error).__name__} {REDACTED}"


def describe(error: BaseException) -> str:
    """The reason, then for each exception of the chain, latest first, its frames, innermost last."""
    lines = [reason(error)]
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        lines.append(f"  {type(link).__name__} at:" if link is error else f"  because of {reason(link)} at:")
        lines += _frames(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\n".join(lines)


def _frames(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    return [f"    {_short(frame.filename)}:{frame.lineno} in {frame.name}: {frame.line or ''}" for frame in frames]


def _short(filename: str) -> str:
    """The last three parts of a path: enough to find the file, without where this machine keeps it."""
    return "/".join(Path(filename).parts[-3:])
