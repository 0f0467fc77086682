"""``mmode_ef``: an M-mode screen in; walls, dimensions, volumes and ejection fraction of every complete cycle out.

Of the document (CN 109620293 B): grey and whitening, cycle detector, point regressor, Teichholz, the most probable
cycle. Ours: the region and its scale, the gate, every cycle instead of one, the rhythm, wall curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from algorithms.mmode_ef.cycles import Cycle, LeftOut, judged_beats, rhythm_notes, sorted_out
from algorithms.mmode_ef.detect import Detection, Detector
from algorithms.mmode_ef.ecg import r_waves
from algorithms.mmode_ef.gate import KINDS, Gate, Verdict
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.preprocess import view_of
from algorithms.mmode_ef.regress import FoundPoints, PointFinder
from algorithms.mmode_ef.results import compose
from algorithms.mmode_ef.strip import Strip, strips_of
from algorithms.mmode_ef.study import Measured
from algorithms.mmode_ef.walls import wall_curves
from dicom_node.algorithm import AlgorithmInfo, ModelInfo, Models, Progress, silent
from dicom_node.errors import UnsuitableSeries
from dicom_node.result import AnalysisResult
from dicom_node.series import Series

VERSION = "1.0.0"
NEEDED = "needs a left-ventricular M-mode with a complete heartbeat"


@dataclass(frozen=True, eq=False)
class Seen:
    """What the networks say of one strip: the gate's verdict, and the cycles with their points."""

    verdict: Verdict
    found: tuple[tuple[Detection, FoundPoints], ...]


class SeesStrips(Protocol):
    """What looks at strips: Networks, or a test's stand-in."""

    @property
    def infos(self) -> tuple[ModelInfo, ...]: ...
    def look(self, strip: Strip, options: Options) -> Seen:
        """Its verdict; cycles only where the verdict lets the strip through."""
        ...


class Networks:
    """Gate, detector and point regressor, opened."""

    def __init__(self, models: Models) -> None:
        self._gate, self._detector, self._points = Gate(models), Detector(models), PointFinder(models)
        self.infos = (self._gate.info, *self._detector.infos, self._points.info)

    def look(self, strip: Strip, options: Options) -> Seen:
        """See SeesStrips."""
        view = view_of(strip.grey, strip.seconds_per_px)
        verdict = self._gate.judge(view)
        if verdict.lv < options.least_lv_percent / 100:
            return Seen(verdict, ())
        detections = self._detector.find(view, options.least_cycle_percent / 100)
        points = self._points.find(strip.grey, [detection.box for detection in detections])
        return Seen(verdict, tuple(zip(detections, points, strict=True)))


class MmodeEf:
    """The algorithm with its options set and its networks at hand."""

    def __init__(self, options: Options, networks: SeesStrips) -> None:
        self._options, self._networks = options, networks
        self.info = AlgorithmInfo(
            name="mmode_ef",
            version=VERSION,
            title="Left-ventricular ejection fraction from M-mode",
            models=networks.infos,
            parameters=tuple(f"{key}={value}" for key, value in options.model_dump().items() if value is not None),
        )

    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        """Measures every M-mode strip of the series.

        Raises:
            UnsuitableSeries: no image has a usable M-mode region, or none shows a left ventricle; the text says why for
                each.
        """
        measured = self.measure(series, progress)
        progress(0.8, "pictures")
        return compose(measured, series.attributes.get("PatientSex"), self._options)

    def measure(self, series: Series, progress: Progress = silent) -> tuple[Measured, ...]:
        """The measured strips, before they become a report. Raises UnsuitableSeries as ``run`` does."""
        progress(0.0, "finding M-mode regions")
        strips, left_out = strips_of(series, self._options)
        measured: list[Measured] = []
        refused = list(left_out)
        for index, strip in enumerate(strips):
            progress(0.05 + 0.75 * index / len(strips), f"measuring strip {index + 1} of {len(strips)}")
            try:
                measured.append(self._measured(strip))
            except UnsuitableSeries as error:
                refused.append(f"instance {strip.frame.sop_instance_uid}: {error}")
        if not measured:
            raise UnsuitableSeries("; ".join(refused))
        if refused:
            told = (*measured[0].notes, *(f"left out: {text}" for text in refused))
            measured[0] = replace(measured[0], notes=told)
        return tuple(measured)

    def _measured(self, strip: Strip) -> Measured:
        options = self._options
        seen = self._networks.look(strip, options)
        _refuse_others(seen.verdict, options.least_lv_percent / 100)
        cycles, left_out = sorted_out(strip, seen.found)
        if not cycles:
            raise UnsuitableSeries(_nothing(left_out))
        share = options.ectopic_percent / 100
        beats = judged_beats(cycles, share)
        if options.wall_curves:
            beats = tuple(_with_curves(strip, beat) for beat in beats)
        notes = (*strip.notes, *rhythm_notes(strip, beats, left_out, share), *_ecg_notes(strip, beats))
        return Measured(strip, seen.verdict, beats, left_out, notes)


def _refuse_others(verdict: Verdict, least: float) -> None:
    if verdict.lv >= least:
        return
    if verdict.kind == KINDS[0]:
        raise UnsuitableSeries(
            f"{NEEDED}; the picture is not surely one: certainty {verdict.lv:.2f}, {least:.2f} is asked"
        )
    raise UnsuitableSeries(
        f"{NEEDED}; the picture looks like another kind: {verdict.kind_name} (certainty {verdict.certainty:.2f}, "
        f"left ventricle {verdict.lv:.2f})"
    )


def _nothing(left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return f"{NEEDED}; no complete cardiac cycle was found"
    reasons = "; ".join(dict.fromkeys(one.reason for one in left_out))
    return f"{NEEDED}; {len(left_out)} cycle(s) were found, but none is a left ventricle's: {reasons}"


def _with_curves(strip: Strip, cycle: Cycle) -> Cycle:
    offset = (strip.x0, strip.y0)
    box = cycle.box.moved(-strip.x0, -strip.y0)
    curves = wall_curves(strip.grey, box, cycle.points - offset, (strip.seconds_per_px, strip.mm_per_px))
    return replace(cycle, curves=curves)


def _ecg_notes(strip: Strip, cycles: Sequence[Cycle]) -> tuple[str, ...]:
    """How the starts of the cycles lie to the R waves of the screen's ECG."""
    if strip.ecg is None:
        return ()
    waves = r_waves(strip.ecg, strip.seconds_per_px)
    if not len(waves):
        return ("the picture has an ECG region, but no R wave was made out in it",)
    starts = np.array([cycle.box.x0 for cycle in cycles])
    nearest = waves[np.abs(starts[:, None] - waves[None]).argmin(axis=1)]
    off_ms = 1000 * strip.seconds_per_px * (starts - nearest)
    return (
        f"{len(waves)} R waves were made out in the ECG region; the cycles start "
        f"{np.median(np.abs(off_ms)):.0f} ms from the nearest (median), {np.abs(off_ms).max():.0f} ms at most",
    )
