"""How one value of a result follows from others: arithmetic over their keys, parsed and evaluated safely.

    100 * (edv_ml - esv_ml) / edv_ml
    area(cavity_contour) if corrected(cavity_contour) else 1834.25
    4 if share(hard, lesion) > 0.5 else 2

A key stands for the number of a measurement, the place of an evaluation's value among its choices (from 0), a region
or a segment. Operators: + - * / // % ** and the comparisons, ``and``, ``or``, ``not``, ``a if b else c``. Functions:
FUNCTIONS, among them ``share(segment, region)`` and of a ring ``share(segment, region, 1, 1.3)`` (geometry.py), and
``corrected(key)``: whether a person has set that value or drawn that region. Nothing else: the text is data, never
code (evaluated by simpleeval over the permitted kinds of nodes).
"""

from __future__ import annotations

import ast
import graphlib
import keyword
import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from simpleeval import DEFAULT_OPERATORS, InvalidExpression, SimpleEval

from dicom_node.geometry import area, height, length, share, width

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-6, 1e-9
"""By how much a formula's value may differ from the number that is reported."""
CORRECTED = "corrected"
_BY_PERSON = "corrected "  # prefix of a name that no key can have: it holds a blank


class FormulaError(ValueError):
    """A formula is wrong, or has no value with the values at hand; the text says which and why."""


class Part(Protocol):
    """What a key may name: a measurement, an evaluation, a region, a segment."""

    @property
    def formula(self) -> str | None: ...
    @property
    def corrected(self) -> bool: ...
    @property
    def in_formula(self) -> Any:
        """What the key stands for: a number, a region or a segment."""
        ...


def _numbers(function: Callable[..., float]) -> Callable[..., float]:
    """The same function over its arguments, each a number, instead of over a sequence."""

    def over(*values: float) -> float:
        return function([value + 0 for value in values])  # a region plus 0 is a TypeError: it is no number

    return over


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "min": _numbers(min),
    "max": _numbers(max),
    "sum": _numbers(math.fsum),
    "mean": _numbers(statistics.fmean),
    "stdev": _numbers(statistics.stdev),
    "round": round,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "length": length,
    "height": height,
    "width": width,
    "area": area,
    "share": share,
}
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_OPERATORS = (*_ARITHMETIC, *_COMPARISONS, ast.Not)
_STRUCTURE = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.And, ast.Or, ast.Compare, ast.IfExp, ast.Call)
_NODES = (*_OPERATORS, *_STRUCTURE, ast.Name, ast.Load, ast.Constant)


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was parsed. ``keys`` are those that it names, in order of first use."""

    text: str
    keys: tuple[str, ...]
    tree: ast.expr

    def value(self, parts: Mapping[str, Part]) -> float | str:
        """Its value with these parts.

        Raises:
            FormulaError: it has none: a division by zero, an overflow, a region without area, a number asked for its
                length ...
        """
        operators = {kind: DEFAULT_OPERATORS[kind] for kind in _OPERATORS}
        try:
            names = {key: parts[key].in_formula for key in self.keys}
            names |= {_BY_PERSON + key: parts[key].corrected for key in self.keys}
            value = SimpleEval(operators, dict(FUNCTIONS), names).eval(self.text, self.tree)
        except ZeroDivisionError:
            raise FormulaError(f"formula {self.text!r} divides by zero") from None
        except (ArithmeticError, ValueError, TypeError, AttributeError, InvalidExpression, RecursionError) as error:
            raise FormulaError(f"formula {self.text!r} has no value: {error}") from error
        if isinstance(value, str):
            return value
        if not isinstance(value, bool | int | float) or not math.isfinite(value):
            raise FormulaError(f"formula {self.text!r} gives {value!r}: a finite number is needed")
        return value


@dataclass(frozen=True, slots=True)
class _Value:
    in_formula: Any
    formula: None = None
    corrected: bool = False


def evaluate(text: str, values: Mapping[str, Any]) -> float | str:
    """What a formula gives with numbers, regions and segments by key: for an algorithm, to report just that.

    Raises:
        FormulaError: the formula is wrong, names a key that is not among the values, or has no value.
    """
    formula = parse(text)
    if unknown := [key for key in formula.keys if key not in values]:
        raise FormulaError(f"formula {text!r} names {', '.join(map(repr, unknown))}, of which no value is given")
    return formula.value({key: _Value(values[key]) for key in formula.keys})


def key_problem(key: str) -> str | None:
    """Why a text cannot be a key; ``None`` if it can."""
    if not key.isidentifier() or keyword.iskeyword(key) or not key.isascii():
        return f"key {key!r} is no name: letters a-z, digits and _ are, such as 'edv_ml'"
    if key in FUNCTIONS or key == CORRECTED:
        return f"key {key!r} is the name of a function of formulas"
    return None


def parse(text: str) -> Formula:
    """Reads a formula.

    Raises:
        FormulaError: it is no expression, or has something in it that formulas may not have.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(f"formula {text!r} cannot be read: {error}") from error
    functions = set()
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise FormulaError(f"formula {text!r} has {type(node).__name__} in it, which formulas do not know")
        if isinstance(node, ast.Constant) and not isinstance(node.value, bool | int | float | str):
            raise FormulaError(f"formula {text!r} has {node.value!r} in it: a number or a text is needed")
        if isinstance(node, ast.Call):
            _check_call(node, text)
            functions.add(node.func)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in functions]
    names.sort(key=lambda node: (node.lineno, node.col_offset))
    keys = tuple(dict.fromkeys(node.id for node in names))
    return Formula(text, keys, _Corrected().visit(tree))


def _check_call(node: ast.Call, text: str) -> None:
    known = [*FUNCTIONS, CORRECTED]
    if not isinstance(node.func, ast.Name) or node.func.id not in known or node.keywords:
        raise FormulaError(
            f"formula {text!r} calls {ast.unparse(node)!r}; the functions are {', '.join(known)}, without keywords"
        )
    if node.func.id == CORRECTED and not (len(node.args) == 1 and isinstance(node.args[0], ast.Name)):
        raise FormulaError(f"formula {text!r}: {CORRECTED}(key) takes one key; got {ast.unparse(node)!r}")


class _Corrected(ast.NodeTransformer):
    """``corrected(key)`` becomes a name of its own: it asks who set the value, not what it is."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id == CORRECTED and isinstance(node.args[0], ast.Name):
            return ast.copy_location(ast.Name(_BY_PERSON + node.args[0].id, ast.Load()), node)
        self.generic_visit(node)
        return node


def in_order(parts: Mapping[str, Part]) -> dict[str, Formula]:
    """The formulas of the parts by key, each after those that it needs.

    Raises:
        FormulaError: one cannot be read, names a key that is not there, or needs itself.
    """
    formulas = {key: parse(part.formula) for key, part in parts.items() if part.formula is not None}
    for key, formula in formulas.items():
        unknown = [name for name in formula.keys if name not in parts]
        if unknown:
            raise FormulaError(
                f"the formula of {key!r}, {formula.text!r}, names {', '.join(map(repr, unknown))}, "
                f"which nothing in the result has as its key; the keys are {', '.join(parts)}"
            )
    sorter = graphlib.TopologicalSorter({key: formula.keys for key, formula in formulas.items()})
    try:
        order = tuple(sorter.static_order())
    except graphlib.CycleError as error:
        raise FormulaError(f"formulas need each other in a circle: {' -> '.join(error.args[1])}") from None
    return {key: formulas[key] for key in order if key in formulas}


def agree(one: float, other: float) -> bool:
    """Whether two numbers are the same within the tolerance."""
    return math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
