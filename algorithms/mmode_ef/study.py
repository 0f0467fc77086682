"""One measured strip, and the numbers that stand for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from algorithms.mmode_ef.cycles import Cycle, LeftOut, beats_for_means
from algorithms.mmode_ef.follows import HEART_RATE_KEY, mean_of, spread_of
from algorithms.mmode_ef.gate import Verdict
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.strip import Strip


@dataclass(frozen=True, eq=False)
class Measured:
    """A strip with its cycles (at least one), in order of time."""

    strip: Strip
    verdict: Verdict
    cycles: tuple[Cycle, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]

    @property
    def chosen(self) -> Cycle:
        """The most probable cycle: the document's choice."""
        return next(cycle for cycle in self.cycles if cycle.chosen)

    def beats(self, options: Options) -> tuple[Cycle, ...]:
        """The cycles that the values of the picture rest on."""
        return (self.chosen,) if options.report == "most_probable" else beats_for_means(self.cycles)

    def means(self, options: Options) -> Mapping[str, float]:
        """Mean of the beats' values; each beat's volumes and fractions are its own, never those of mean lengths."""
        return {name: mean_of(name, values) for name, values in _table(self.beats(options)).items()}

    def spreads(self) -> Mapping[str, float | None]:
        """Standard deviation from beat to beat (n - 1) over all regular beats; ``None`` for a single one."""
        table = _table(beats_for_means(self.cycles))
        return {name: spread_of(values) if len(values) > 1 else None for name, values in table.items()}


def _table(beats: Sequence[Cycle]) -> dict[str, list[float]]:
    """Every value of the beats, by the keys of the summary."""
    table = {name: [beat.values[name] for beat in beats] for name in beats[0].values}
    return {**table, HEART_RATE_KEY: [beat.heart_rate_bpm for beat in beats]}
