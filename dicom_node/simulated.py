"""How an image says that it is simulated: Image Comments (0020,4000) that begin with SIMULATED, in any letters.

DICOM has no attribute for it in the images that this node takes. What such an image led to (a result, a case, a model)
says so too.
"""

from __future__ import annotations

SIMULATED = "simulated image"


def sentence_of(comment: str) -> str:
    """The sentence of Image Comments that says an image is simulated; "" where there is none."""
    if not comment.lstrip().casefold().startswith(SIMULATED):
        return ""
    line = comment.strip().splitlines()[0].strip()
    end = line.find(". ")
    return line if end < 0 else line[: end + 1]
