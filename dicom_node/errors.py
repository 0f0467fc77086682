"""The error tree: what happens next is decided by the class, what is told by the message.

    DicomNodeError                  exit 1
    ├── UsageError                  exit 2, never retried: the call or a file is wrong
    │   └── ConfigurationError      exit 2: routing.yaml; carries every problem at once
    ├── UnsuitableSeries            exit 3, never retried: the input is not for this algorithm
    ├── UnreadableInstance          exit 3, never retried: the bytes are no usable DICOM
    ├── InvalidResult               exit 4, never retried: an object failed its check and is quarantined
    ├── AlgorithmFailed             exit 5, retried once: the algorithm itself raised
    ├── ModelError                  exit 5, never retried: weights missing or not those of the manifest
    ├── StorageError                exit 6, retried: the disk is full or failing
    ├── PeerError                   exit 7, retried: the peer is away or refused for now
    │   └── PeerRefused             exit 7, never retried: the peer will not take this object
    ├── JobInterrupted              exit 8, retried: the worker was stopped, killed or ran out of a limit
    │   └── JobCancelled            exit 8, never retried: a person cancelled it
    └── ReviewConflict              exit 9, never retried: somebody else has decided on the draft

A message names what was found, what is needed and what to do. It never holds a patient attribute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class DicomNodeError(Exception):
    """The root: every error that this project raises on purpose."""

    retryable = False
    exit_code = 1


class UsageError(DicomNodeError):
    """The command, its arguments or a file it names are wrong."""

    exit_code = 2


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a configuration file. ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigurationError(UsageError):
    """The configuration does not hold; ``problems`` lists every mistake, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnsuitableSeries(DicomNodeError):
    """The series is not what the algorithm needs; the text says what it got and what it needs."""

    exit_code = 3


class UnreadableInstance(DicomNodeError):
    """The bytes cannot be read as the DICOM object that they claim to be."""

    exit_code = 3


class InvalidResult(DicomNodeError):
    """A result object failed the check that stands before the outbox."""

    exit_code = 4


class AlgorithmFailed(DicomNodeError):
    """The algorithm raised something that it did not mean to raise."""

    retryable = True
    exit_code = 5


class ModelError(DicomNodeError):
    """A model file is missing, or its sha256 is not that of its manifest."""

    exit_code = 5


class StorageError(DicomNodeError):
    """The disk refused: full, read-only or failing."""

    retryable = True
    exit_code = 6


class PeerError(DicomNodeError):
    """A peer could not be reached, aborted, or answered that it is short of resources."""

    retryable = True
    exit_code = 7


class PeerRefused(PeerError):
    """A peer will not take this object: no presentation context, or a final failure status."""

    retryable = False


class JobInterrupted(DicomNodeError):
    """The job's worker was stopped or killed, or went over the job's time or memory limit."""

    retryable = True
    exit_code = 8


class JobCancelled(JobInterrupted):
    """A person cancelled the job."""

    retryable = False


class ReviewConflict(DicomNodeError):
    """Two decided on one draft: the first holds, and the second is told who that was. Nothing was changed."""

    exit_code = 9
