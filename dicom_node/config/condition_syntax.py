"""From the YAML of a rule's ``when`` to a condition; every mistake is told at its place.

when:                                             all of these keys
  Modality: US                                    equals
  BodyPartExamined: [HEART, CHEST]                is one of
  NumberOfFrames: {min: 50, max: 2000}            a number in a range
  SeriesDescription: {matches: "(?i)contrast"}    a regular expression (RE2) found in the text
  ContrastBolusAgent: {exists: true}
  ImageType: {not: DERIVED}
  any: [{calling_ae: US1}, {calling_ae: US2}]     one of these; all: every one; not: none of it
"""

from __future__ import annotations

import re

import re2
import yaml

from dicom_node.conditions import (
    NUMBER_VRS,
    RANGE_VRS,
    AllOf,
    AnyOf,
    Attribute,
    Condition,
    Equals,
    Exists,
    Matches,
    Not,
    Range,
    TagPath,
    compiled,
    number_of,
)
from dicom_node.config import dictionary
from dicom_node.config.yaml_source import Problems, did_you_mean, entries, found_in, is_null, words

GROUPS = ("all", "any", "not")
ASSOCIATION = ("calling_ae", "called_ae")
OPERATORS = ("equals", "matches", "min", "max", "exists", "not")
LONGEST_PATTERN = 1000

_INTEGER_VRS = NUMBER_VRS - {"DS", "FL", "FD"}
_ONLY_EXISTS_VRS = frozenset({"SQ", "OB", "OW", "OF", "OD", "OL", "OV", "UN", "NONE"})
_SINGLE_TEXT_VRS = frozenset({"LT", "ST", "UT", "UR"})
"""Text that may hold a backslash; in all other a backslash stands between values (PS3.5 section 6.2)."""

_MEANT = {
    "or": "any", "one of": "any", "any of": "any", "and": "all", "all of": "all", "none": "not", "none of": "not",
    "minimum": "min", "from": "min", "at_least": "min", "maximum": "max", "to": "max", "at_most": "max",
    "is": "equals", "equal": "equals", "in": "equals", "one_of": "equals", "value": "equals",
    "regex": "matches", "regexp": "matches", "match": "matches", "contains": "matches", "like": "matches",
    "present": "exists", "absent": "exists", "calling_aet": "calling_ae", "aetitle": "calling_ae",
    "ae_title": "calling_ae", "called_aet": "called_ae",
}  # fmt: skip
"""What other rule languages say -> what this one says, for suggestions."""

_LONGEST_AE_TITLE = 16
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_TAG_DIGITS = re.compile(r"\(?([0-9A-Fa-f]{4})[.:\s]?([0-9A-Fa-f]{4})\)?", re.ASCII)
_TAG_NUMBER = re.compile(r"\([^()]*\)|[^.()]+")


def parse_conditions(node: yaml.Node, problems: Problems, what: str = "when") -> Condition | None:
    """The condition that a mapping means: all of its keys. None where nothing of it is usable."""
    if is_null(node) or (isinstance(node, yaml.MappingNode) and not node.value):
        problems.add(node, f"{what} is empty: needs a test, such as Modality: US")
        return None
    if isinstance(node, yaml.SequenceNode):
        told = "for one of several write any: with a list below it, for every one all:"
        problems.add(node, f"{what} is a list: needs keys with values, such as Modality: US; {told}")
        return None
    if not isinstance(node, yaml.MappingNode):
        problems.add(node, f"{what} is {found_in(node)}: needs a key with a test, such as Modality: US")
        return None
    parsed = [
        condition
        for key_node, value in entries(node, what, problems).values()
        if (condition := _entry(key_node, value, problems)) is not None
    ]
    return _joined(parsed, node)


def _joined(conditions: list[Condition], node: yaml.Node) -> Condition | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return AllOf(tuple(conditions), *_place(node))


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _entry(key: yaml.ScalarNode, value: yaml.Node, problems: Problems) -> Condition | None:
    if key.value in ("all", "any"):
        return _group(key, value, problems)
    if key.value == "not":
        child = parse_conditions(value, problems, "not")
        return Not(child, *_place(key)) if child else None
    path = _path(key, problems)
    return _tests(path, key, value, problems) if path else None


def _group(key: yaml.ScalarNode, value: yaml.Node, problems: Problems) -> Condition | None:
    if not isinstance(value, yaml.SequenceNode):
        told = f"{key.value} is {found_in(value)}: needs a list of conditions, each with '- ' before it"
        problems.add(key if is_null(value) else value, told)
        return None
    if not value.value:
        never = "would always match" if key.value == "all" else "could never match"
        problems.add(value, f"{key.value} is an empty list, which {never}: needs at least one condition")
        return None
    parsed = [parse_conditions(item, problems, f"an item of {key.value}") for item in value.value]
    children = tuple(child for child in parsed if child is not None)
    if not children:
        return None
    return (AllOf if key.value == "all" else AnyOf)(children, *_place(key))


def _path(key: yaml.ScalarNode, problems: Problems) -> TagPath | None:
    text = key.value
    if text in ASSOCIATION:
        return TagPath(text, ())
    parts = _TAG_NUMBER.findall(text)
    if not parts or ".".join(parts) != text:
        quoted = (
            ' (inside { } a number needs quotes: "(0018,0010)")' if text.startswith("(") or text[-1:] == ")" else ""
        )
        told = f"needs a DICOM keyword, (gggg,eeee), or such with dots between{quoted}"
        problems.add(key, f"{text!r} is no attribute: {told}")
        return None
    steps = []
    for part in parts:
        step = dictionary.attribute(part)
        if step is None:
            near = _suggested(text, part)
            problems.add(key, f"unknown DICOM keyword {part!r}: needs a keyword of PS3.6 or (gggg,eeee){near}")
            return None
        steps.append(step)
    return TagPath(text, tuple(steps)) if _readable(key, steps, problems) else None


def _suggested(key: str, part: str) -> str:
    if key.lower() in _MEANT:
        return f"; did you mean {_MEANT[key.lower()]!r}?"
    if digits := _TAG_DIGITS.fullmatch(key):
        return f"; did you mean '({digits[1]},{digits[2]})'?"
    return did_you_mean(part, (*dictionary.keywords(), *GROUPS, *ASSOCIATION, *OPERATORS))


def _readable(key: yaml.ScalarNode, steps: list[Attribute], problems: Problems) -> bool:
    for step in steps[:-1]:
        if step.vr not in ("SQ", ""):
            problems.add(key, f"{step.keyword} is no sequence (its VR is {step.vr}): nothing can stand inside it")
            return False
    if steps[0].tag >> 16 >= dictionary.PIXEL_GROUP:
        problems.add(key, f"{steps[0].keyword} cannot be tested: pixel data is not read for routing")
        return False
    return True


def _tests(path: TagPath, key: yaml.Node, value: yaml.Node, problems: Problems) -> Condition | None:
    if not isinstance(value, yaml.MappingNode):
        return _equals(path, key, value, problems)
    given = entries(value, path.text, problems)
    if not given:
        problems.add(value, f"{path.text} has no test: needs {words(OPERATORS)}")
        return None
    parsed: list[Condition | None] = []
    for operator, (operator_key, wanted) in given.items():
        match operator:
            case "equals":
                parsed.append(_equals(path, operator_key, wanted, problems))
            case "matches":
                parsed.append(_matches(path, operator_key, wanted, problems))
            case "exists":
                parsed.append(_exists(path, operator_key, wanted, problems))
            case "not":
                child = _tests(path, operator_key, wanted, problems)
                parsed.append(Not(child, *_place(operator_key)) if child else None)
            case "min" | "max":
                pass
            case _:
                problems.add(
                    operator_key,
                    f"unknown test {operator!r} of {path.text}: needs {words(OPERATORS)}{_near_operator(operator)}",
                )
    if "min" in given or "max" in given:
        parsed.append(_range(path, given, problems))
    return _joined([condition for condition in parsed if condition is not None], value)


def _near_operator(found: str) -> str:
    meant = _MEANT.get(found.lower().replace(" ", "_"))
    return f"; did you mean {meant!r}?" if meant in OPERATORS else did_you_mean(found, OPERATORS)


def _comparable(path: TagPath, key: yaml.Node, problems: Problems) -> bool:
    if path.vr not in _ONLY_EXISTS_VRS:
        return True
    inside = "; or name an attribute inside it, with a dot" if path.vr == "SQ" else ""
    told = "a sequence" if path.vr == "SQ" else f"binary (VR {path.vr})"
    problems.add(key, f"{path.text} is {told}: needs exists: true or exists: false{inside}")
    return False


def _equals(path: TagPath, key: yaml.Node, node: yaml.Node, problems: Problems) -> Equals | None:
    if not _comparable(path, key, problems):
        return None
    if is_null(node):
        problems.add(key, f"{path.text} has no value: write one, or {{exists: false}} for an absent or empty attribute")
        return None
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not nodes:
        problems.add(node, f"{path.text} is one of an empty list, which could never match: needs at least one value")
        return None
    wanted = [text for item in nodes if (text := _wanted(path, item, problems)) is not None]
    if len(wanted) < len(nodes):
        return None
    shown = ", ".join(_shown(path, text) for text in wanted)
    return Equals(path, tuple(wanted), shown, *_place(key))


def _found(path: TagPath, node: yaml.Node) -> str:
    """What a node is, for a message; a value that may identify a patient is not quoted."""
    return "what stands here" if path.identifying and isinstance(node, yaml.ScalarNode) else found_in(node)


def _wanted(path: TagPath, node: yaml.Node, problems: Problems) -> str | None:
    """The value to compare with, as an instance would have it; None where no instance can."""
    if not isinstance(node, yaml.ScalarNode) or is_null(node):
        problems.add(node, f"a value of {path.text} is {found_in(node)}: needs text or a number")
        return None
    text = node.value
    vr = path.vr
    if vr in NUMBER_VRS:
        number = number_of(text, vr)
        if number is None or (vr in _INTEGER_VRS and number != int(number)):
            whole = "a whole number" if vr in _INTEGER_VRS else "a number"
            problems.add(node, f"{path.text} is {_found(path, node)}: needs {whole} (its VR is {vr})")
            return None
    elif vr == "UI":
        return _uid(path, node, problems)
    elif vr == "AT":
        pointed = dictionary.attribute(text)
        if pointed is None:
            near = did_you_mean(text, dictionary.keywords())
            problems.add(node, f"{path.text} is {text!r}: needs a DICOM keyword or (gggg,eeee){near}")
            return None
        return dictionary.tag_text(pointed.tag)
    elif vr == "DA":
        date = _DATE.fullmatch(text)
        if date is None:
            problems.add(node, f"{path.text} is {_found(path, node)}: needs a date as yyyymmdd or yyyy-mm-dd")
            return None
        return "".join(date.groups())
    elif vr == "AS" and number_of(text, vr) is None:
        problems.add(
            node, f"{path.text} is {_found(path, node)}: needs an age such as 045Y or 006M, or a number of years"
        )
        return None
    return text if _can_be(path, node, problems) else None


def _can_be(path: TagPath, node: yaml.ScalarNode, problems: Problems) -> bool:
    """Whether one value of an instance can be this text."""
    if "\\" in node.value and path.vr not in _SINGLE_TEXT_VRS:
        values = ("A", "B") if path.identifying else node.value.split("\\")
        each = ", ".join(f"{{{path.text}: {value}}}" for value in values)
        told = f"a backslash stands between values, and each is compared on its own: needs all: [{each}]"
        problems.add(node, f"{path.text} is {_found(path, node)}: {told}")
        return False
    if path.vr == "AE" and len(node.value.strip(" ")) > _LONGEST_AE_TITLE:
        told = f"an AE title has {_LONGEST_AE_TITLE} characters at most"
        problems.add(node, f"{path.text} is {_found(path, node)}, which has {len(node.value.strip(' '))}: {told}")
        return False
    return True


def _uid(path: TagPath, node: yaml.ScalarNode, problems: Problems) -> str | None:
    keyword = path.steps[-1].keyword
    uid = dictionary.uid_of(node.value, keyword)
    if uid is None:
        near = did_you_mean(node.value, dictionary.uid_names(keyword))
        example = "UltrasoundMultiFrameImageStorage" if "SOPClass" in keyword else "1.2.840.10008.1.2.1"
        problems.add(node, f"{path.text} is {node.value!r}: needs a UID or its name, such as {example}{near}")
    return uid


def _shown(path: TagPath, text: str) -> str:
    return dictionary.uid_name(text) if path.vr == "UI" else repr(text)


def _matches(path: TagPath, key: yaml.Node, node: yaml.Node, problems: Problems) -> Matches | None:
    if not _comparable(path, key, problems):
        return None
    if not isinstance(node, yaml.ScalarNode) or not node.value or is_null(node):
        problems.add(node, f"matches is {found_in(node)}: needs a regular expression in quotes")
        return None
    if len(node.value) > LONGEST_PATTERN:
        problems.add(node, f"matches has {len(node.value)} characters: needs {LONGEST_PATTERN} at most")
        return None
    if any(character < " " for character in node.value):
        told = r"\b is a backspace in double quotes: needs 'single quotes' around an expression with backslashes"
        problems.add(node, f"matches has a control character: {told}")
        return None
    try:
        compiled(node.value)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        hint = " (look-ahead does not exist in RE2: use not)" if reason.startswith("invalid perl operator") else ""
        told = "" if path.identifying else f": {reason}{hint}"
        problems.add(node, f"matches is no regular expression{told}; needs RE2 syntax")
        return None
    return Matches(path, node.value, *_place(key))


def _exists(path: TagPath, key: yaml.Node, node: yaml.Node, problems: Problems) -> Exists | None:
    if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":bool"):
        return Exists(path, node.value.lower() in ("true", "yes", "on"), *_place(key))
    problems.add(node, f"exists is {found_in(node)}: needs true or false")
    return None


def _range(path: TagPath, given: dict[str, tuple[yaml.ScalarNode, yaml.Node]], problems: Problems) -> Range | None:
    first_key = next(key for operator, (key, _) in given.items() if operator in ("min", "max"))
    if not _comparable(path, first_key, problems):
        return None
    if path.vr not in RANGE_VRS:
        problems.add(
            first_key, f"{path.text} is no number (its VR is {path.vr}), so min and max cannot test it: use matches"
        )
        return None
    bounds: dict[str, float | None] = {"min": None, "max": None}
    for operator in bounds:
        if operator in given:
            bounds[operator] = _bound(path, operator, given[operator][1], problems)
            if bounds[operator] is None:
                return None
    low, high = bounds["min"], bounds["max"]
    if low is not None and high is not None and low > high:
        problems.add(given["min"][1], f"min {low} is greater than max {high}, so {path.text} could never match")
        return None
    return Range(path, low, high, *_place(first_key))


def _bound(path: TagPath, operator: str, node: yaml.Node, problems: Problems) -> float | None:
    text = node.value if isinstance(node, yaml.ScalarNode) and not is_null(node) else ""
    if path.vr == "DA" and (date := _DATE.fullmatch(text)):
        text = "".join(date.groups())
    number = number_of(text, path.vr)
    if number is None:
        needed = {
            "DA": "a date as yyyymmdd or yyyy-mm-dd",
            "AS": "an age such as 045Y or 006M, or a number of years",
        }.get(path.vr, "a number")
        problems.add(node, f"{operator} is {_found(path, node)}: needs {needed}")
    return number
