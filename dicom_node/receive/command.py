"""The command sets of C-STORE: what is asked, what is answered, and both on the wire.

PS3.7 section 9.3.1 and annex E; PS3.8 section 9.3.5 and annex E for the P-DATA-TF PDU. Written out here because
pynetdicom's classes take two milliseconds of an instance for it, leave a request that lacks a field without an answer,
and break the association over a UID that is none. What the peer says is kept as text; keep.py judges it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

C_STORE_REQUEST, C_STORE_RESPONSE = 0x0001, 0x8001
NO_DATA_SET = 0x0101
COMMAND_FIELD, MESSAGE_ID, MESSAGE_ID_ANSWERED = 0x0100, 0x0110, 0x0120
DATA_SET_TYPE, STATUS, ERROR_COMMENT = 0x0800, 0x0900, 0x0902
AFFECTED_CLASS, AFFECTED_INSTANCE = 0x0002, 0x1000

COMMENT_LENGTH = 64  # Error Comment (0000,0902) is LO
P_DATA_TF = 0x04
COMMAND, LAST = 0x01, 0x02  # bits of a message control header
PDV_HEADER_BYTES = 6


class Status(IntEnum):
    """C-STORE response statuses in use."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    DUPLICATE_SOP_INSTANCE = 0x0111
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_DOES_NOT_MATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000


@dataclass(frozen=True)
class StoreRequest:
    """One C-STORE-RQ, as the peer wrote it."""

    context_id: int
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    has_data_set: bool


@dataclass(frozen=True)
class Answer:
    """Status and Error Comment of a response. The comment goes to the peer: UIDs at most, and 64 characters of it."""

    status: int
    comment: str = ""


def read_command(encoded: bytes) -> dict[int, bytes]:
    """The elements of a command set by element number (always Implicit VR Little Endian, group 0000).

    Raises:
        ValueError: these bytes are no command set.
    """
    elements: dict[int, bytes] = {}
    position = 0
    while position < len(encoded):
        if position + 8 > len(encoded):
            raise ValueError("a command set ends inside an element")
        group, element, length = struct.unpack_from("<HHL", encoded, position)
        position += 8
        if group != 0 or position + length > len(encoded):
            raise ValueError("a command set has an element that it cannot have")
        elements[element] = encoded[position : position + length]
        position += length
    return elements


def number(elements: dict[int, bytes], element: int) -> int:
    """An element of VR US.

    Raises:
        ValueError: it is missing or no number.
    """
    value = elements.get(element, b"")
    if len(value) != 2:
        raise ValueError(f"a command set without (0000,{element:04X})")
    return int.from_bytes(value, "little")


def store_request(elements: dict[int, bytes], context_id: int, transfer_syntax_uid: str) -> StoreRequest:
    """The request that a command set makes.

    Raises:
        ValueError: it cannot even be answered.
    """
    return StoreRequest(
        context_id,
        number(elements, MESSAGE_ID),
        _text(elements, AFFECTED_CLASS),
        _text(elements, AFFECTED_INSTANCE),
        transfer_syntax_uid,
        number(elements, DATA_SET_TYPE) != NO_DATA_SET,
    )


def _text(elements: dict[int, bytes], element: int) -> str:
    return elements.get(element, b"").decode("ascii", "replace").strip(" \0")


def store_response(request: StoreRequest, answer: Answer, max_pdu: int) -> bytes:
    """The PDUs that answer a request; ``max_pdu`` is the peer's, 0 = any."""
    command = b"".join(
        (
            _element(AFFECTED_CLASS, _padded(request.sop_class_uid, b"\0")),
            _element(COMMAND_FIELD, struct.pack("<H", C_STORE_RESPONSE)),
            _element(MESSAGE_ID_ANSWERED, struct.pack("<H", request.message_id)),
            _element(DATA_SET_TYPE, struct.pack("<H", NO_DATA_SET)),
            _element(STATUS, struct.pack("<H", answer.status)),
            _element(ERROR_COMMENT, _padded(answer.comment[:COMMENT_LENGTH], b" ")),
            _element(AFFECTED_INSTANCE, _padded(request.sop_instance_uid, b"\0")),
        )
    )
    whole = _element(0x0000, struct.pack("<L", len(command))) + command
    size = max_pdu - PDV_HEADER_BYTES if max_pdu > PDV_HEADER_BYTES else len(whole)
    pdus = b""
    for start in range(0, len(whole), size):
        control = COMMAND | (LAST if start + size >= len(whole) else 0)
        fragment = whole[start : start + size]
        pdus += struct.pack(">BxL", P_DATA_TF, len(fragment) + PDV_HEADER_BYTES)
        pdus += struct.pack(">LBB", len(fragment) + 2, request.context_id, control) + fragment
    return pdus


def _element(element: int, value: bytes) -> bytes:
    """None where there is no value: what a response may leave out is left out."""
    return struct.pack("<HHL", 0, element, len(value)) + value if value else b""


def _padded(text: str, pad: bytes) -> bytes:
    encoded = text.encode("ascii", "replace")
    return encoded + pad * (len(encoded) % 2)
