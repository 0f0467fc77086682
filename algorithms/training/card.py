"""The model card: what a person reads before trusting a model. Markdown, beside ``model.toml``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from algorithms.training.figures import Interval
from algorithms.training.run import write_atomically


@dataclass(frozen=True, slots=True)
class TrainingData:
    """One source of training data: ``extent`` says how much (patients, pictures), ``use`` what for."""

    name: str
    licence: str
    extent: str
    use: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ``rests_on`` names the set it was measured on (how many patients, held out or not)."""

    name: str
    value: Interval | float
    unit: str
    rests_on: str


@dataclass(frozen=True, slots=True)
class Card:
    """What the card says. ``folds`` tells how the data were split, and that no patient is on both sides."""

    title: str
    version: str
    purpose: str
    inputs: str
    outputs: str
    data: Sequence[TrainingData]
    training: str
    folds: str
    figures: Sequence[Figure]
    limits: Sequence[str]

    def __post_init__(self) -> None:
        for name in ("data", "figures", "limits"):
            if not getattr(self, name):
                raise ValueError(f"a model card without {name} tells too little")


def write_card(path: Path, card: Card) -> None:
    """Writes the card as Markdown."""
    sections = {
        "Purpose": card.purpose,
        "Inputs": card.inputs,
        "Outputs": card.outputs,
        "Training data": _table(
            ("data", "licence", "extent", "used for"), ((d.name, d.licence, d.extent, d.use) for d in card.data)
        ),
        "Training": card.training,
        "Folds": card.folds,
        "Figures": "In brackets: 95 % interval.\n\n"
        + _table(
            ("figure", "value", "unit", "rests on"),
            ((f.name, _told(f.value), f.unit, f.rests_on) for f in card.figures),
        ),
        "Limits": "\n".join(f"- {limit}" for limit in card.limits),
    }
    text = f"# {card.title} {card.version}\n\nResearch use: not a medical device.\n"
    text += "".join(f"\n## {name}\n\n{content.strip()}\n" for name, content in sections.items())
    write_atomically(path, text.encode())


def _told(value: Interval | float) -> str:
    return str(value) if isinstance(value, Interval) else f"{value:.4g}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
