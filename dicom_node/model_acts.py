"""What was done with models: rows of ``model_acts``, written in the caller's transaction and never changed.

Which set of models an algorithm runs with follows from its acts alone: each promotion goes on top of the one before, a
rollback takes it off again, and below all of them are the models that come with the algorithm. So there is no second
truth to disagree.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

OWN = ""
"""The version that stands for the models that come with the algorithm."""

ACTS_OF = "SELECT * FROM model_acts WHERE algorithm = ? ORDER BY id"

Act = Literal["added", "promoted", "rolled back", "shadow on", "shadow off"]


@dataclass(frozen=True, slots=True)
class ModelAct:
    """One row of ``model_acts``."""

    id: int
    algorithm: str
    version: str
    act: Act
    person: str
    reason: str
    comparison_id: int | None
    at_s: float


def acts_of_rows(rows: Iterable[sqlite3.Row]) -> tuple[ModelAct, ...]:
    """Rows of ``ACTS_OF``, oldest first."""
    return tuple(ModelAct(**dict(row)) for row in rows)


def promotions(acts: Iterable[ModelAct]) -> list[str]:
    """What is in use, last, over what it replaced, down to ``OWN``."""
    stack = [OWN]
    for act in acts:
        if act.act == "promoted":
            stack.append(act.version)
        elif act.act == "rolled back":
            stack.pop()
    return stack


def in_the_shadow(acts: Iterable[ModelAct]) -> tuple[str, ...]:
    """The candidates that run beside what is in use."""
    on: dict[str, None] = {}
    for act in acts:
        if act.act == "shadow on":
            on[act.version] = None
        elif act.act in ("shadow off", "promoted"):  # what is in use has nothing to run beside
            on.pop(act.version, None)
    return tuple(on)


def in_use(connection: sqlite3.Connection, algorithm: str) -> str:
    """The version that new jobs of the algorithm run with."""
    return promotions(acts_of_rows(connection.execute(ACTS_OF, (algorithm,))))[-1]


def shadows(connection: sqlite3.Connection, algorithm: str) -> tuple[str, ...]:
    """The candidates that every new result of the algorithm is to be compared with."""
    return in_the_shadow(acts_of_rows(connection.execute(ACTS_OF, (algorithm,))))


def note(connection: sqlite3.Connection, act: ModelAct) -> None:
    """Adds an act; its id is ignored."""
    connection.execute(
        "INSERT INTO model_acts (algorithm, version, act, person, reason, comparison_id, at_s) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (act.algorithm, act.version, act.act, act.person, act.reason, act.comparison_id, act.at_s),
    )
