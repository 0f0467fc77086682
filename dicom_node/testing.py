"""Fakes that ship with the package, for its own tests and for those of anybody's algorithm.

The fake algorithms come in by the same door as real ones: ``install_fake_algorithms`` writes the metadata of a
distribution that offers them, and once that folder is on ``sys.path`` they are found like any other.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
from pydantic import Field

from dicom_node.algorithm import AlgorithmInfo, AlgorithmOptions, ModelInfo, Models, Progress, silent
from dicom_node.codes import COUNT, MILLIMETRE, NO_UNITS, local
from dicom_node.errors import UnsuitableSeries
from dicom_node.region import Region, Shape
from dicom_node.result import AnalysisResult, Evaluation, Measurement, MeasurementGroup, Picture, Table
from dicom_node.series import ArrayPixels, FrameRef, Series

MIB = 1 << 20


class FakeClock:
    """Seconds that pass when the test says so. Give it wherever a ``clock`` is asked for."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        """Lets time pass; returns the new time."""
        self.now += seconds
        return self.now


class ArithmeticOptions(AlgorithmOptions):
    """What the arithmetic can be told."""

    factor: float = Field(default=1.0, gt=0, description="The mean is multiplied by this.")
    needs_frames: int = Field(default=1, ge=1, description="Fewer frames than this are unsuitable.")
    wait_for: str = Field(default="", description="Path of a file: it goes on once that is there.")


class Arithmetic:
    """The mean of all pixels: an algorithm whose answer a test can work out."""

    info = AlgorithmInfo(name="fake_arithmetic", version="1.0", title="Mean of all pixels (for tests)")

    def __init__(self, options: ArithmeticOptions) -> None:
        self._options = options

    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        """Mean times factor, with one picture and one table."""
        frames = series.frames
        if len(frames) < self._options.needs_frames:
            raise UnsuitableSeries(f"needs {self._options.needs_frames} frames; got {len(frames)}")
        progress(0.5, "adding")
        while self._options.wait_for and not Path(self._options.wait_for).exists():
            time.sleep(0.01)
        means = [float(np.mean(pixels)) for volume in series.volumes for _, pixels in volume.chunks(1)]
        mean = float(np.mean(means)) * self._options.factor
        group = MeasurementGroup(
            tracking_id="all pixels",
            finding=local("TEST", "Test finding"),
            evidence=(frames[0].ref,),
            measurements=(
                Measurement(local("MEAN", "Mean pixel value"), mean, NO_UNITS),
                Measurement(local("FRAMES", "Number of frames"), len(frames), COUNT),
            ),
        )
        tile = np.zeros((1, 16, 16, 3), np.uint8)
        tile[..., 1] = min(max(int(mean), 0), 255)
        return AnalysisResult(
            summary={"mean_value": mean, "frame_count": len(frames)},
            groups=(group,),
            pictures=(Picture("Mean colour", ArrayPixels(tile), (frames[0].ref,), role="mean_colour"),),
            tables=(Table("means", ("frame", "mean"), tuple((i, m) for i, m in enumerate(means))),),
            notes=("made for a test",),
        )


class GradingOptions(AlgorithmOptions):
    """How the grading goes about it."""

    offset: float = Field(default=0.0, ge=0, description="Added to the mean.")
    asks: bool = Field(default=True, description="Whether its results require review.")


LOW, MIDDLE, HIGH = (local(f"GRADE_{number}", name) for number, name in enumerate(("Low", "Middle", "High")))


class Grading:
    """The mean of all pixels, doubled and graded, and the length of a line: a draft for a person to correct.

    Keys: ``level``, the mean (0 to 255), ``doubled``, ``grade`` (Low below 50, Middle below 100, High), ``line`` (one
    pixel is 0.5 mm), ``line_mm``, and ``remark``, a text.
    """

    info = AlgorithmInfo(
        name="fake_grading",
        version="1.0",
        title="Grade of a mean (for tests)",
        models=(ModelInfo("grades", "3", "ab" * 32),),
        parameters=("thresholds 50 and 100",),
    )

    def __init__(self, options: GradingOptions) -> None:
        self._options = options

    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        """One group with everything that can be corrected, and one picture."""
        progress(0.5, "grading")
        frame = series.frames[0].ref
        means = [np.mean(pixels) for volume in series.volumes for _, pixels in volume.chunks(1)]
        mean = float(np.mean(means)) + self._options.offset
        grades = (LOW, MIDDLE, HIGH)
        grade = grades[(mean >= 50) + (mean >= 100)]
        half = (0.5, MILLIMETRE)
        line = Region(Shape.POLYLINE, ((1.0, 2.0), (5.0, 2.0)), frame, key="line", per_px=(half, half))
        group = MeasurementGroup(
            tracking_id="all pixels",
            finding=local("TEST", "Test finding"),
            evidence=(frame,),
            measurements=(
                Measurement(local("MEAN", "Mean pixel value"), mean, NO_UNITS, key="level", limits=(0.0, 255.0)),
                Measurement(local("DOUBLED", "Twice the mean"), 2 * mean, NO_UNITS, key="doubled", formula="2 * level"),
                Measurement(
                    local("LINE", "Length of the line"),
                    2.0,
                    MILLIMETRE,
                    inferred_from=line,
                    key="line_mm",
                    formula="length(line)",
                ),
            ),
            evaluations=(
                Evaluation(
                    local("GRADE", "Grade"),
                    grade,
                    key="grade",
                    formula="0 if level < 50 else (1 if level < 100 else 2)",
                    choices=grades,
                ),
                Evaluation(local("REMARK", "Remark"), "none", key="remark"),
            ),
        )
        tile = np.full((1, 16, 16, 3), min(int(mean), 255), np.uint8)
        return AnalysisResult(
            summary={"level": mean, "doubled": 2 * mean, "grade": grade.meaning, "line_mm": 2.0},
            groups=(group,),
            pictures=(Picture("Mean grey", ArrayPixels(tile), (frame,), role="mean_grey"),),
            notes=("made for a test",),
            requires_review=self._options.asks,
        )


class MisbehavingOptions(AlgorithmOptions):
    """In which way to misbehave."""

    how: Literal[
        "hang",
        "call progress for ever",
        "eat memory",
        "exit",
        "exit as if all were well",
        "call sys.exit",
        "raise",
        "find the disk full",
        "point elsewhere",
        "leave traces",
    ] = Field(default="raise", description="What it does instead of answering.")


class Misbehaving:
    """Never answers: hangs, eats memory, ends its own process, raises, or gives a result that cannot be encoded.

    Or it does answer, and leaves the process in disorder: another folder, other settings, a thread, a child.
    """

    info = AlgorithmInfo(name="fake_misbehaving", version="1.0", title="Never answers (for tests)")

    def __init__(self, options: MisbehavingOptions) -> None:
        self._how = options.how

    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        """Does what the option ``how`` says."""
        progress(0.1, self._how)
        if self._how == "eat memory":
            _eat_memory()
        if self._how.startswith("exit"):
            os._exit(3 if self._how == "exit" else 0)
        if self._how == "call sys.exit":
            sys.exit()
        if self._how == "find the disk full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/where")
        if self._how == "point elsewhere":
            return _pointing_elsewhere(series)
        if self._how == "leave traces":
            _leave_traces()
            return Arithmetic(ArithmeticOptions()).run(series)
        while self._how != "raise":
            time.sleep(0.01)
            if self._how == "call progress for ever":
                progress(0.5, self._how)
        raise ValueError(f"patient {series.attributes.get('PatientAge')} is too much for me")


def _pointing_elsewhere(series: Series) -> AnalysisResult:
    """A good picture, and a finding on an instance that is none of the sources."""
    frame = series.frames[0].ref
    stranger = FrameRef(frame.sop_class_uid, "1.2.3.4.5.6")
    return AnalysisResult(
        summary={},
        groups=(MeasurementGroup("it", local("TEST", "Test finding"), (stranger,)),),
        pictures=(Picture("Black", ArrayPixels(np.zeros((1, 16, 16, 3), np.uint8)), (frame,), role="black"),),
    )


def _leave_traces() -> None:
    print("a line on standard output")
    np.seterr(all="raise")
    os.chdir("/")
    threading.Thread(target=threading.Event().wait, name="left behind").start()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])


def _eat_memory() -> NoReturn:
    eaten = []
    while True:
        eaten.append(np.ones(16 * MIB, np.uint8))
        time.sleep(0.01)


class ARITHMETIC:
    """What an entry point names: ``Options`` and ``create``, here in a class instead of a module."""

    Options = ArithmeticOptions

    @staticmethod
    def create(options: ArithmeticOptions, models: Models) -> Arithmetic:
        return Arithmetic(options)


class GRADING:
    """The entry point of the grading."""

    Options = GradingOptions

    @staticmethod
    def create(options: GradingOptions, models: Models) -> Grading:
        return Grading(options)


class MISBEHAVING:
    """The entry point of the misbehaving algorithm."""

    Options = MisbehavingOptions

    @staticmethod
    def create(options: MisbehavingOptions, models: Models) -> Misbehaving:
        return Misbehaving(options)


def install_fake_algorithms(folder: Path) -> Path:
    """Makes ``fake_arithmetic``, ``fake_grading`` and ``fake_misbehaving`` known.

    Who has ``folder`` on its ``sys.path`` finds them, and so do the worker processes that it starts.
    """
    metadata = folder / "dicom_node_fakes-1.0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: dicom-node-fakes\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[dicom_node.algorithms]\n"
        "fake_arithmetic = dicom_node.testing:ARITHMETIC\n"
        "fake_grading = dicom_node.testing:GRADING\n"
        "fake_misbehaving = dicom_node.testing:MISBEHAVING\n"
    )
    return folder
