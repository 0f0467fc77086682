"""Files in, files out: load -> algorithm -> encode -> result.json, tables and previews.

The worker calls it for a job, ``dicom-node run`` on a person's files; it knows neither queue nor node. It leaves

    out/<role>.dcm ...      the result objects, each checked
    out/<table>.csv ...     the result's tables
    out/preview/*.png       pictures of it
    out/analysis.json ...   where a person is to judge it: analysis.json, analysis.npz, made_by.json, which the review
                            and its documents are made from
    out/result.json         last of all: where it is, the rest is whole
    out/rejected/           only after InvalidResult: what was written until an object failed its check
"""

from __future__ import annotations

import errno
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dicom_node import result_json
from dicom_node.algorithm import Algorithm, Progress, silent
from dicom_node.analysis_file import write_analysis
from dicom_node.config import ReviewTerms
from dicom_node.encode import EncodedObject, EncodeJob, encode_result, statements_of
from dicom_node.errors import AlgorithmFailed, DicomNodeError, InvalidResult, StorageError, UnsuitableSeries, UsageError
from dicom_node.failure import reason
from dicom_node.load import load_series
from dicom_node.made_by import MadeBy, write_made_by
from dicom_node.previews import write_previews
from dicom_node.result import AnalysisResult
from dicom_node.series import Series

RESULT_JSON = "result.json"
PREVIEW = "preview"
REJECTED = "rejected"
DISK_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)

AS_THE_ALGORITHM_ASKS = ReviewTerms()

# The share of the whole that each part is shown as
LOADED, ANALYSED = 0.1, 0.8

PREFIX_AT, PREFIX = 128, b"DICM"
BARE_BEGINNINGS = (b"\x02\x00", b"\x08\x00")  # groups 0002 and 0008, little endian: a data set without preamble


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run left in ``out``; ``content`` is that of result.json."""

    objects: tuple[EncodedObject, ...]
    previews: tuple[Path, ...]
    result: AnalysisResult
    content: dict[str, Any]

    @property
    def summary(self) -> dict[str, Any]:
        """The result's summary."""
        return self.content["summary"]

    @property
    def notes(self) -> tuple[str, ...]:
        """What loading and the algorithm noted."""
        return tuple(self.content["notes"])

    @property
    def timings_s(self) -> dict[str, float]:
        """load, algorithm, encode, total."""
        return self.content["timings_s"]


def analyse(
    algorithm: Algorithm,
    paths: Sequence[Path],
    encode_job: EncodeJob,
    out: Path,
    scratch: Path,
    progress: Progress = silent,
    review: ReviewTerms = AS_THE_ALGORITHM_ASKS,
) -> RunOutcome:
    """Runs the algorithm on the instances in ``paths`` and leaves the results in ``out`` (see the module's page).

    Where the terms of ``review`` ask for it, the result says that it requires review, whatever the algorithm said.

    Raises:
        UnsuitableSeries: the input is not for the algorithm; result.json says so too.
        UnreadableInstance: an instance cannot be read.
        AlgorithmFailed: the algorithm raised something else; ``__cause__`` has it.
        InvalidResult: an object failed its check; what was written lies in ``out/rejected``.
        StorageError: the disk refused.
    """
    with _disk_refusals(out):
        making = _empty_folder(out)
        try:
            return _analyse(algorithm, paths, encode_job, making, scratch, progress, review)
        except InvalidResult:
            shutil.rmtree(out / REJECTED, ignore_errors=True)
            making.rename(out / REJECTED)
            raise
        finally:
            shutil.rmtree(making, ignore_errors=True)


def _analyse(
    algorithm: Algorithm,
    paths: Sequence[Path],
    encode_job: EncodeJob,
    making: Path,
    scratch: Path,
    progress: Progress,
    review: ReviewTerms,
) -> RunOutcome:
    laps = _Laps()
    series: Series | None = None
    try:
        progress(0.0, "loading")
        with laps.lap("load"):
            series = load_series(paths, scratch)
        with laps.lap("algorithm"):
            result = _run(algorithm, series, _within(progress, LOADED, ANALYSED))
    except UnsuitableSeries as error:
        content = result_json.unsuitable(algorithm.info, series, str(error), laps.timings_s())
        result_json.write_json(content, making / RESULT_JSON)
        _publish(making, making.parent)
        raise
    progress(ANALYSED, "encoding")
    judged = review.asked(result.requires_review)
    if judged:
        result = replace(result, requires_review=True)
    with laps.lap("encode"):
        if judged:
            write_analysis(result, making)
            write_made_by(MadeBy(algorithm.info, encode_job.options), making)
        objects = encode_result(result, algorithm.info, paths, encode_job, making)
        for table in result.tables:
            result_json.write_table(table, making)
        said = replace(result, statements=statements_of(result, algorithm.info, paths))
        previews = write_previews(said, making / PREVIEW)
    content = result_json.done(algorithm.info, series, said, objects, laps.timings_s())
    result_json.write_json(content, making / RESULT_JSON)
    out = making.parent
    _publish(making, out)
    progress(1.0, "done")
    return RunOutcome(
        objects=tuple(replace(entry, path=out / entry.path.name) for entry in objects),
        previews=tuple(out / PREVIEW / path.name for path in previews),
        result=result,
        content=content,
    )


def _run(algorithm: Algorithm, series: Series, progress: Progress) -> AnalysisResult:
    """The one call into code that may be anybody's: whatever it raises gets a name, and what it sets is set back."""
    name = f"{algorithm.info.name} {algorithm.info.version}"
    try:
        with np.errstate(), warnings.catch_warnings():
            result = algorithm.run(series, progress)
    except DicomNodeError:
        raise
    except OSError as error:
        if error.errno in DISK_REFUSALS:
            raise
        raise AlgorithmFailed(f"{name} failed: {reason(error)}") from error
    except (Exception, SystemExit) as error:  # sys.exit would end the worker, or the command, as if all were well
        raise AlgorithmFailed(f"{name} failed: {reason(error)}") from error
    if not isinstance(result, AnalysisResult):
        raise AlgorithmFailed(f"{name} gave a {type(result).__name__}; an AnalysisResult is needed")
    return result


def _empty_folder(out: Path) -> Path:
    """Where the files are made, beside their final places; an older result.json must not speak for them."""
    making = out / ".making"
    shutil.rmtree(making, ignore_errors=True)
    (making / PREVIEW).mkdir(parents=True)
    (out / RESULT_JSON).unlink(missing_ok=True)
    return making


def _publish(making: Path, out: Path) -> None:
    """Moves every file to its place by a rename of its own, result.json last."""
    files = [path for path in sorted(making.rglob("*")) if path.is_file()]
    for path in sorted(files, key=lambda path: path.name == RESULT_JSON):
        place = out / path.relative_to(making)
        place.parent.mkdir(exist_ok=True)
        path.replace(place)


def _within(progress: Progress, start: float, stop: float) -> Progress:
    """Maps a part's own 0..1 to its share of the whole."""
    return lambda fraction, doing: progress(start + (stop - start) * min(max(fraction, 0.0), 1.0), doing)


class _Laps:
    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._laps = {"load": 0.0, "algorithm": 0.0, "encode": 0.0}

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._laps[name] = time.perf_counter() - began

    def timings_s(self) -> dict[str, float]:
        rounded = {name: round(seconds, 4) for name, seconds in self._laps.items()}
        return {**rounded, "total": round(time.perf_counter() - self._began, 4)}


@contextmanager
def _disk_refusals(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_REFUSALS:
            raise
        raise StorageError(f"the results of {out.name} could not be stored: {error.strerror}") from error


def dicom_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files named, and the DICOM files in the folders named, in order of their paths.

    Raises:
        UsageError: there is none.
    """
    files: dict[Path, None] = {}
    for path in paths:
        found = [path] if path.is_file() else (file for file in sorted(path.rglob("*")) if _looks_like_dicom(file))
        files.update(dict.fromkeys(found))
    if not files:
        raise UsageError(f"no DICOM file in {', '.join(str(path) for path in paths)}")
    return tuple(files)


def _looks_like_dicom(path: Path) -> bool:
    if not path.is_file() or path.name.upper() == "DICOMDIR":
        return False
    with path.open("rb") as file:
        beginning = file.read(PREFIX_AT + len(PREFIX))
    return beginning[PREFIX_AT:] == PREFIX or beginning[:2] in BARE_BEGINNINGS
