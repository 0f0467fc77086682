"""How log lines look: a sentence, then machine fields as key=value; or one JSON object per line.

UIDs and job ids only: no stage hands a patient attribute to the log.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class SentenceFormatter(logging.Formatter):
    """``2026-11-21T10:00:00Z INFO  receive: association opened  calling_ae=US1 address=127.0.0.1``"""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        name = record.name.removeprefix("dicom_node.")
        line = f"{stamp} {record.levelname:<7} {name}: {record.getMessage()}"
        fields = " ".join(f"{key}={value}" for key, value in _fields(record).items())
        if fields:
            line += f"  {fields}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and the machine fields."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure_logging(form: str = "text", level: str = "INFO") -> None:
    """Sends the log of dicom_node to stderr; the libraries' own only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else SentenceFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("dicom_node").setLevel(level.upper())
    # What these libraries warn of is the senders' header values, which may name a patient.
    for library in ("pydicom", "pynetdicom", "highdicom"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module=library)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of each tick that comes while one is at work
