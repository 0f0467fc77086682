"""Whether what a person says of themselves, and concludes, can stand in a report; every problem at once."""

from __future__ import annotations

from collections.abc import Iterator

from dicom_node.errors import UsageError
from dicom_node.review.values import LONGEST_CONCLUSION
from dicom_node.review_rows import Reviewer

NAME_CHARACTERS, NAME_PARTS, NAME_WRITINGS = 64, 5, 3  # VR PN, PS3.5 section 6.2.1
SHORT_TEXT_CHARACTERS = 64  # VR LO


def check_words(reviewer: Reviewer, conclusion: str) -> None:
    """Raises UsageError, a line for each word that cannot stand in a report."""
    problems = [
        *_of_name(reviewer.name),
        *_of_short(reviewer.role, "role"),
        *_of_short(reviewer.organisation, "organisation"),
    ]
    if len(conclusion) > LONGEST_CONCLUSION:
        problems.append(f"the conclusion has {len(conclusion)} characters: at most {LONGEST_CONCLUSION}")
    if any(character < " " and character not in "\n\r\t" for character in conclusion):
        problems.append("the conclusion has control characters: write plain text")
    if problems:
        raise UsageError("\n".join(problems))


def _of_name(name: str) -> Iterator[str]:
    writings = name.split("=")
    needed = "needs Family^Given, such as Meyer^Anna"
    if not writings[0].split("^")[0].strip():
        yield f"the reviewer's name {name!r} has no family name: {needed}"
    if len(writings) > NAME_WRITINGS or any(writing.count("^") >= NAME_PARTS for writing in writings):
        yield f"the reviewer's name {name!r} has too many parts: {needed} (at most {NAME_PARTS}, PS3.5 6.2.1)"
    if any(len(writing) > NAME_CHARACTERS for writing in writings):
        yield f"the reviewer's name has more than {NAME_CHARACTERS} characters"
    if not _plain(name):
        yield f"the reviewer's name {name!r} has a backslash or a control character"


def _of_short(text: str, what: str) -> Iterator[str]:
    if not text.strip():
        yield f"the reviewer's {what} is empty: a verified report names it"
    if len(text) > SHORT_TEXT_CHARACTERS:
        yield f"the reviewer's {what} has {len(text)} characters: at most {SHORT_TEXT_CHARACTERS}"
    if not _plain(text):
        yield f"the reviewer's {what} {text!r} has a backslash or a control character"


def _plain(text: str) -> bool:
    return "\\" not in text and text.isprintable()
