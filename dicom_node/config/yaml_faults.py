"""What is wrong with a file that YAML cannot read, in the words of a person who writes such files.

PyYAML tells where its scanner was stuck, in words of its grammar. Here the place becomes that of the mistake (a quote
that is never closed is wrong where it opens) and the words say what to do.
"""

from __future__ import annotations

import re

import yaml

from dicom_node.errors import Problem

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
TYPOGRAPHIC_QUOTES = "“”„‟‘’‚‹›«»"

_UNEXPECTED = re.compile(r"found character (.+) that cannot start any token")
_OUTLINE = re.compile(r"expected <block end>, but found '?(<block (?:mapping start|sequence start)>|-|\?)'?")


def fault(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """The mistake behind a parser's error, at the line and column where a person has to change something."""
    found = error.problem_mark or error.context_mark
    begun = error.context_mark or found
    if found is None or begun is None:
        return Problem(file, 1, 1, f"is no YAML: {error.problem}")
    mark, told = _told(error, found, begun, text)
    return Problem(file, mark.line + 1, mark.column + 1, f"is no YAML: {told}")


def _told(error: yaml.MarkedYAMLError, found: yaml.Mark, begun: yaml.Mark, text: str) -> tuple[yaml.Mark, str]:
    problem, context = error.problem or "", error.context or ""
    if (blank := _no_break_space(text, found.line)) is not None:
        return blank, "a no-break space, which looks like a blank and is none: type the blanks of this line anew"
    if unexpected := _UNEXPECTED.search(problem):
        if "\\t" in unexpected[1]:
            return found, "a tab: use blanks"
        return found, f"a text cannot begin with {unexpected[1]}: put it in quotes"
    if problem == "could not find expected ':'":
        return begun, "this needs a colon and a blank after its name, as in 'port: 104'"
    if problem == "mapping values are not allowed here":
        return found, (
            "a second colon where one value is expected: is this line indented like the others of its section, does "
            "the line before have its colon or its '- '? A text with ': ' in it needs quotes"
        )
    if _OUTLINE.search(problem):
        return found, (
            f"this line is indented by {found.column} blanks, which fits nothing before: "
            f"what begins on line {begun.line + 1} has {begun.column}"
        )
    if "flow" in context:
        bracket = "{" if "mapping" in context else "["
        return (begun if begun.line != found.line else found), (
            f"the {bracket} of line {begun.line + 1} is not closed where it has to be: needs {_closing(bracket)}, "
            "commas between its entries, and quotes around a text with any of [ ] { } , : ? in it"
        )
    return _scalar(problem, context, found, begun)


def _scalar(problem: str, context: str, found: yaml.Mark, begun: yaml.Mark) -> tuple[yaml.Mark, str]:
    if "quoted scalar" in context and "escape" in problem:
        return found, "a backslash in double quotes begins an escape: put the text in 'single quotes'"
    if "quoted scalar" in context:
        return begun, "a quote opens here and is never closed"
    if context.startswith("while scanning an alias"):
        return begun, "a text that begins with * needs quotes (there are no wildcards: use matches)"
    if context.startswith("while scanning a block scalar"):
        return begun, "a text that begins with > or | needs quotes (of numbers use {min: ...} or {max: ...})"
    if problem == "but found another document":
        return found, "a second document begins with ---: needs one file for one node"
    if problem.startswith("expected <block end>, but found"):
        return found, "a text goes on after it had ended: is a quote closed too early or too late before this?"
    return found, ": ".join(part for part in (context, problem) if part)


def _closing(bracket: str) -> str:
    return "}" if bracket == "{" else "]"


def _no_break_space(text: str, line: int) -> yaml.Mark | None:
    """The first no-break space that indents the line or the one before."""
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    for number in (line - 1, line):
        indent = re.match(rf"[ {NO_BREAK_SPACE}]*", lines[number])[0] if 0 <= number < len(lines) else ""  # type: ignore[index]
        if NO_BREAK_SPACE in indent:
            return yaml.Mark("", 0, number, indent.index(NO_BREAK_SPACE), None, None)
    return None
