"""Command sets on the wire, against pynetdicom's own encoder and decoder."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import decode
from pynetdicom.pdu import P_DATA_TF

from dicom_node.receive.command import Answer, Status, StoreRequest, read_command, store_request, store_response

MR = "1.2.840.10008.5.1.4.1.1.4"
REQUEST = StoreRequest(5, 77, MR, "1.2.3", "1.2.840.10008.1.2", True)


def test_a_request_of_pynetdicom_is_read():
    asked = C_STORE()
    asked.MessageID, asked.Priority, asked.AffectedSOPClassUID, asked.AffectedSOPInstanceUID = 77, 2, MR, "1.2.3"
    asked.DataSet = BytesIO(b"data")
    message = C_STORE_RQ()
    message.primitive_to_message(asked)
    command, _ = list(message.encode_msg(5, 16384))
    ((_, value),) = command.presentation_data_value_list
    assert store_request(read_command(value[1:]), 5, "1.2.840.10008.1.2") == REQUEST


@pytest.mark.parametrize("max_pdu", [0, 16384, 64, 20, 7])
def test_the_response_is_one_that_pynetdicom_reads_in_pdus_that_the_peer_takes(max_pdu):
    answer = Answer(Status.DUPLICATE_SOP_INSTANCE, "x" * 80)
    wire, values = store_response(REQUEST, answer, max_pdu), []
    while wire:
        length = struct.unpack_from(">L", wire, 2)[0]
        pdu = P_DATA_TF()
        pdu.decode(wire[: 6 + length])
        wire = wire[6 + length :]
        assert not max_pdu or length <= max_pdu
        ((context_id, value),) = pdu.to_primitive().presentation_data_value_list
        assert context_id == 5
        values.append(value)
    assert [value[0] for value in values] == [1] * (len(values) - 1) + [3]
    command = decode(BytesIO(b"".join(value[1:] for value in values)), True, True)
    assert (command.CommandField, command.MessageIDBeingRespondedTo, command.CommandDataSetType) == (0x8001, 77, 0x0101)
    assert (command.Status, command.ErrorComment) == (0x0111, "x" * 64)
    assert (command.AffectedSOPClassUID, command.AffectedSOPInstanceUID) == (MR, "1.2.3")
    assert command.CommandGroupLength == sum(len(value) - 1 for value in values) - 12


def test_success_says_no_more_than_it_must():
    pdu = P_DATA_TF()
    pdu.decode(store_response(REQUEST, Answer(Status.SUCCESS), 0))
    ((_, value),) = pdu.to_primitive().presentation_data_value_list
    command = decode(BytesIO(value[1:]), True, True)
    assert command.Status == 0
    assert "ErrorComment" not in command


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda command: command[:-3], "cannot have"),
        (lambda command: command + b"\x00\x00\x10", "ends inside an element"),
        (lambda command: b"\x08\x00" + command[2:], "cannot have"),
        (lambda command: b"", r"without \(0000,0110\)"),
    ],
)
def test_what_is_no_request_is_said(command, damage, words):
    with pytest.raises(ValueError, match=words):
        store_request(read_command(damage(command())), 1, "1.2")


def test_what_a_request_leaves_out_is_empty(command):
    elements = read_command(command(AffectedSOPInstanceUID=None, AffectedSOPClassUID=b"\xff"))
    request = store_request(elements, 1, "1.2")
    assert (request.sop_instance_uid, request.sop_class_uid) == ("", "\ufffd")
