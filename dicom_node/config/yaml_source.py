"""YAML with the place of everything kept, so that every mistake of a file is told at once, at its line and column.

Readers add what is wrong to ``Problems`` and return None; reading goes on.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dicom_node.config.scalars import Kind
from dicom_node.config.yaml_faults import TYPOGRAPHIC_QUOTES, fault
from dicom_node.errors import Problem

DEEPEST = 40
"""Levels of nesting that a file may have: more is no configuration, and parsers recurse."""

LARGEST = 2**18
"""Bytes that a file may have: hundreds of rules, read in seconds; an image named by mistake is not read on."""

_START = yaml.Mark("", 0, 0, 0, None, None)
_NOTHING = yaml.MappingNode("tag:yaml.org,2002:map", [], _START, _START)

_TAG = "tag:yaml.org,2002:"
_QUOTES = tuple(TYPOGRAPHIC_QUOTES)


class Problems:
    """The mistakes of one file, collected while it is read."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[Problem, None] = {}

    @property
    def found(self) -> list[Problem]:
        """Each once, in the order in which they were found."""
        return list(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def add(self, node: yaml.Node, message: str) -> None:
        """A mistake at the start of ``node``."""
        self.add_at(node.start_mark.line + 1, node.start_mark.column + 1, message)

    def add_at(self, line: int, column: int, message: str) -> None:
        """A mistake at a place, both counted from 1."""
        self.told(Problem(self.file, line, column, message))

    def told(self, problem: Problem) -> None:
        """A mistake that somebody else has put in words."""
        self._found.setdefault(problem)


Reader = Callable[[yaml.Node, str, Problems], Any]
"""(node, what it is, problems) -> the value, or None where a problem was added."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a section. ``default`` is the text that means the same as leaving it out; None: it is needed."""

    key: str
    attribute: str
    read: Reader
    allowed: str
    default: str | None
    meaning: str


def compose(path: Path, problems: Problems) -> yaml.Node | None:
    """The file as YAML nodes; an empty file is an empty mapping. None where a problem says why it is no YAML."""
    text = _text(path, problems)
    if text is None:
        return None
    try:
        if not _plain_yaml(text, problems):
            return None
        return yaml.compose(text, Loader=yaml.SafeLoader) or _NOTHING
    except yaml.MarkedYAMLError as error:
        problems.told(fault(error, text, problems.file))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        problems.add_at(
            before.count("\n") + 1,
            error.position - (before.rfind("\n") + 1) + 1,
            f"is no YAML: the character U+{ord(text[error.position]):04X} is not allowed; remove it",
        )
    return None


def _text(path: Path, problems: Problems) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        problems.add_at(1, 1, f"the file cannot be read: {error.strerror}; create it or name another with --config")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        problems.add_at(line, column, f"is no UTF-8 (byte 0x{content[error.start]:02X}): save the file as UTF-8")
        return None
    if len(content) > LARGEST:
        problems.add_at(1, 1, f"the file has more than {LARGEST} bytes: is it a routing file?")
        return None
    return text


def _plain_yaml(text: str, problems: Problems) -> bool:
    """Whether the file has no alias and is no deeper than parsers can bear; tells of tags and quotes as well."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark = event.start_mark
        place = mark.line + 1, mark.column + 1
        if isinstance(event, yaml.AliasEvent):
            told = "aliases are not supported; write the value out, or put a text that begins with * in quotes"
            problems.add_at(*place, f"*{event.anchor}: {told}")
            return False
        if getattr(event, "tag", None) is not None:
            problems.add_at(*place, f"the tag {event.tag.replace(_TAG, '!!')}: tags are not supported; remove it")
        if isinstance(event, yaml.ScalarEvent) and event.style is None and event.value.startswith(_QUOTES):
            problems.add_at(*place, f"{event.value[0]} is a typographic quote: write \" or '")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            problems.add_at(*place, f"is nested more than {DEEPEST} levels deep")
            return False
    return True


def did_you_mean(found: str, allowed: Iterable[str]) -> str:
    """ "; did you mean 'x'?", or "" where nothing is near."""
    by_lower = {name.lower(): name for name in allowed}
    begun = [name for name in by_lower if len(found) > 2 and name.startswith(found.lower())]
    near = sorted(begun, key=len) or difflib.get_close_matches(found.lower(), by_lower, n=1, cutoff=0.7)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def words(names: Sequence[str]) -> str:
    """ "a, b or c"."""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else "nothing"


def found_in(node: yaml.Node) -> str:
    """What a node is, for a message."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if is_null(node):
        return "empty"
    value = node.value if len(node.value) <= 60 else node.value[:60] + "…"
    return repr(value)


def is_null(node: yaml.Node) -> bool:
    """Whether nothing is written (or null)."""
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"


def entries(node: yaml.Node, what: str, problems: Problems) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
    """Key -> (key node, value node); a key that is no word or comes twice is a problem."""
    if is_null(node):
        return {}
    if not isinstance(node, yaml.MappingNode):
        listed = ", without '- ' before them" if isinstance(node, yaml.SequenceNode) else ""
        problems.add(node, f"{what} is {found_in(node)}: needs keys with values{listed}")
        return {}
    read: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problems.add(key, f'a key of {what} is {found_in(key)}: needs a word (quote a tag: "(0018,0010)")')
        elif key.value in read:
            first = read[key.value][0].start_mark.line + 1
            problems.add(key, f"{key.value!r} comes twice in {what}: the first is on line {first}; keep one")
        else:
            read[key.value] = (key, value)
    return read


def items(node: yaml.Node, what: str, allowed: str, problems: Problems) -> list[yaml.Node]:
    """The items of a list."""
    if isinstance(node, yaml.SequenceNode):
        return node.value
    near = f", such as [{node.value}]" if isinstance(node, yaml.ScalarNode) and node.value.isidentifier() else ""
    problems.add(node, f"{what} is {found_in(node)}: needs a list: {allowed}{near}")
    return []


def read_fields(node: yaml.Node, fields: Sequence[Field], what: str, problems: Problems) -> dict[str, Any]:
    """The values of a section by attribute; those left out or wrong are missing."""
    values: dict[str, Any] = {}
    by_key = {field.key: field for field in fields}
    given = entries(node, what, problems)
    for key, (key_node, value_node) in given.items():
        if key not in by_key:
            allowed = words(list(by_key))
            problems.add(key_node, f"unknown key {key!r} in {what}: needs {allowed}{did_you_mean(key, by_key)}")
            continue
        value = by_key[key].read(value_node, key, problems)
        if value is not None:
            values[by_key[key].attribute] = value
    if isinstance(node, yaml.MappingNode) or is_null(node):
        for missing in (field for field in fields if field.default is None and field.key not in given):
            problems.add(node, f"{what} has no {missing.key}: needs {missing.allowed}")
    return values


def scalar(kind: Kind) -> Reader:
    """Reads one value of a kind."""

    def read(node: yaml.Node, what: str, problems: Problems) -> Any:
        reason = ""
        if isinstance(node, yaml.ScalarNode) and not is_null(node):
            try:
                return kind.parse(node.value)
            except ValueError as error:
                reason = str(error)
        told = f", which {reason}" if reason.startswith(("is ", "has ")) else ""
        problems.add(node, f"{what} is {found_in(node)}{told}: needs {kind.allowed}")
        return None

    return read


def choice(*names: str) -> Reader:
    """Reads one of some words."""

    def read(node: yaml.Node, what: str, problems: Problems) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.value in names:
            return node.value
        near = did_you_mean(node.value, names) if isinstance(node, yaml.ScalarNode) else ""
        problems.add(node, f"{what} is {found_in(node)}: needs {words(names)}{near}")
        return None

    return read


def list_of(kind: Kind) -> Reader:
    """Reads a list of values of a kind; wrong items are left out."""
    read_item = scalar(kind)

    def read(node: yaml.Node, what: str, problems: Problems) -> tuple[Any, ...] | None:
        if not isinstance(node, yaml.SequenceNode):
            items(node, what, kind.allowed, problems)
            return None
        values = [read_item(item, what, problems) for item in node.value]
        return tuple(value for value in values if value is not None)

    return read


def section(fields: Sequence[Field], build: Callable[..., Any]) -> Reader:
    """Reads a section into the value that ``build`` makes of its attributes."""

    def read(node: yaml.Node, what: str, problems: Problems) -> Any:
        return build(**read_fields(node, fields, what, problems))

    return read


def plain(node: yaml.Node, problems: Problems) -> Any:
    """The node as text, numbers, booleans, lists and dicts: what JSON can hold."""
    if isinstance(node, yaml.MappingNode):
        return {key: plain(value, problems) for key, (_, value) in entries(node, "this", problems).items()}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, problems) for item in node.value]
    kind = node.tag.removeprefix(_TAG)
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return yaml.SafeLoader.bool_values[node.value.lower()]
        if kind == "int":
            return int(node.value, 10)
        if kind == "float":
            value = float(node.value)
            if not math.isfinite(value):
                raise ValueError
            return value
    except (ValueError, KeyError):
        problems.add(node, f"{found_in(node)} is no plain {kind}: write a decimal number, true or false, or quote text")
        return None
    if kind not in ("str", "timestamp"):
        problems.add(node, f"{found_in(node)} has the tag {node.tag!r}: tags are not supported")
        return None
    return node.value


def node_at(node: yaml.Node, path: Sequence[str | int]) -> yaml.Node:
    """The node at ``path`` below ``node``: the key for an entry, the item for a list; as deep as it exists."""
    place, inner = node, node
    for step in path:
        if isinstance(inner, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in inner.value if isinstance(key, yaml.ScalarNode)}
            if str(step) not in pairs:
                return place
            place, inner = pairs[str(step)]
        elif isinstance(inner, yaml.SequenceNode) and isinstance(step, int) and step < len(inner.value):
            place = inner = inner.value[step]
        else:
            return place
    return place
