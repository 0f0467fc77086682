"""Words of a configuration file as values: durations, sizes, ports, AE titles, networks.

Each ``Kind`` says in words what is allowed and turns the text of the file into a value, or raises ValueError.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

NEVER = ("never", "none")

_SECONDS = {"ms": 0.001} | {
    unit: seconds
    for units, seconds in (
        ("s sec second seconds", 1.0),
        ("min minute minutes", 60.0),
        ("h hour hours", 3600.0),
        ("d day days", 86400.0),
    )
    for unit in units.split()
}
_BYTES = {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """``allowed`` completes the sentence "needs ..."; ``parse`` raises ValueError, whose text may say more."""

    allowed: str
    parse: Callable[[str], Any]


def duration_s(text: str) -> float:
    """Seconds of "500ms", "10s", "2 min", "1h", "3 days"."""
    number, unit = _amount(text)
    if unit not in _SECONDS:
        raise ValueError("has no unit" if not unit else "has a unit that is not known")
    return number * _SECONDS[unit]


def long_duration_s(text: str) -> float:
    """As ``duration_s``, or "never" (infinity)."""
    return math.inf if text.strip().lower() in NEVER else duration_s(text)


def size_bytes(text: str) -> int:
    """Bytes of "128KiB", "2 GiB", "1GB"; a bare number is bytes."""
    number, unit = _amount(text)
    if unit and unit not in _BYTES:
        raise ValueError("has a unit that is not known")
    return int(number * _BYTES.get(unit, 1))


def size_mib(text: str) -> int:
    """Whole MiB of "512MiB", "8 GiB", rounded up; the unit is needed."""
    number, unit = _amount(text)
    if unit not in _BYTES:
        raise ValueError("has no unit" if not unit else "has a unit that is not known")
    return math.ceil(number * _BYTES[unit] / 2**20)


def ae_title(text: str) -> str:
    """An application entity title: PS3.5 section 6.2, VR AE."""
    title = text.strip(" ")
    if not title:
        raise ValueError("is empty")
    if len(title) > 16:
        raise ValueError(f"has {len(title)} characters")
    if any(not " " <= character <= "~" or character == "\\" for character in title):
        raise ValueError("has a character that AE titles cannot have")
    return title


def host(text: str) -> str:
    """A host name or an IP address."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        if _HOST.fullmatch(text) and len(text) <= 253 and not re.fullmatch(r"[\d.]+", text):
            return text
        raise


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A network in CIDR form, or one address."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            raise ValueError(
                f"has host bits set (the network is {ipaddress.ip_network(text, strict=False)})"
            ) from error
        raise ValueError("") from error


def workers(text: str) -> int:
    """Worker processes: a number, or "auto": half of the processors that this process may use, at most four."""
    if text == "auto":
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(4, processors // 2))
    return _integer_between(1, 64)(text)


def name(text: str) -> str:
    """A short name that can stand in a command line, a metric and a file."""
    if not _NAME.fullmatch(text):
        raise ValueError("")
    return text


def _title(text: str) -> str:
    if not text.strip() or len(text) > 200 or not text.isprintable():
        raise ValueError("")
    return text


def _amount(text: str) -> tuple[float, str]:
    parts = _AMOUNT.fullmatch(text.strip())
    if not parts or len(parts[1]) > 12:
        raise ValueError("")
    return float(parts[1]), parts[2].lower()


def _integer_between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            raise ValueError("is no whole number")
        return int(_between(low, high, int)(text))

    return parse


def _between(low: float, high: float, parse: Callable[[str], float]) -> Callable[[str], float]:
    def checked(text: str) -> float:
        value = parse(text)
        if not value >= low:
            raise ValueError("is too small")
        if not value <= high:
            raise ValueError("is too large")
        return value

    return checked


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII) else float("nan")


DURATION = Kind("a duration from 1ms to 30 days, such as 500ms, 10s, 2 min or 1h", _between(0.001, 2592000, duration_s))
LONG_DURATION = Kind(
    "a duration of at least 1s, such as 10 min, 12h or 7 days, or never", _between(1, math.inf, long_duration_s)
)
MEMORY = Kind("a size from 64MiB to 64TiB, such as 512MiB or 8GiB", _between(64, 2**26, size_mib))
DISK = Kind("a size from 1MiB to 64TiB, such as 500MiB or 20GiB", _between(1, 2**26, size_mib))
PDU = Kind("a size from 4KiB to 16MiB, such as 128KiB", _between(2**12, 2**24, size_bytes))
AE_TITLE = Kind("an AE title: 1 to 16 ASCII characters without backslash", ae_title)
HOST = Kind("a host name or an IP address", host)
PORT = Kind("a port from 1 to 65535", _integer_between(1, 65535))
NETWORK = Kind("a network such as 10.1.0.0/16, or one IP address", network)
WORKERS = Kind("auto, or a number from 1 to 64", workers)
ASSOCIATIONS = Kind("a number from 1 to 1000", _integer_between(1, 1000))
PRIORITY = Kind("a number from -1000 to 1000 (higher goes first)", _integer_between(-1000, 1000))
FACTOR = Kind("a number from 1 to 10", _between(1, 10, _number))
COUNT = Kind("a number from 1 to 1000000", _integer_between(1, 1_000_000))
NAME = Kind("1 to 64 letters, digits, '_', '-' or '.', the first a letter or a digit", name)
ALGORITHM = Kind("the name of an algorithm", name)
PEER = Kind("the name of a peer", name)
TITLE = Kind("a name of 1 to 200 printable characters", _title)
UID_NAMESPACE = Kind("a UUID such as 123e4567-e89b-42d3-a456-426614174000", UUID)
PATH = Kind("a path, absolute or relative to this file", _title)
