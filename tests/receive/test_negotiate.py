"""Restrictions and contexts, without a network."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts
from pynetdicom.presentation import build_context

from dicom_node.config import Accept
from dicom_node.receive.negotiate import is_storage, judge_request, supported_contexts

NETWORKS = Accept(networks=(ip_network("192.168.1.0/24"), ip_network("fd00::/8")))


@pytest.mark.parametrize(
    ("address", "welcome"),
    [
        ("192.168.1.77", True),
        ("192.168.2.77", False),
        ("::ffff:192.168.1.77", True),  # as a dual-stack socket shows an IPv4 peer
        ("fd00::1", True),
        ("fe80::1%eth0", False),
    ],
)
def test_networks(address, welcome):
    assert (judge_request(NETWORKS, address, "CT", "NODE") is None) == welcome


def test_empty_lists_let_any_and_padding_does_not_matter():
    assert judge_request(Accept(), "8.8.8.8", "ANY", "ANY") is None
    assert judge_request(Accept(calling_ae=("CT",), called_ae=("NODE",)), "8.8.8.8", "CT  ", " NODE") is None


def test_every_storage_class_in_every_known_transfer_syntax_is_supported():
    proposed = [build_context(c.abstract_syntax, ALL_TRANSFER_SYNTAXES) for c in AllStoragePresentationContexts]
    supported = {context.abstract_syntax: context.transfer_syntax for context in supported_contexts(proposed)}
    assert len(supported) == len(AllStoragePresentationContexts) + 1
    for context in proposed:
        assert supported[context.abstract_syntax] == ALL_TRANSFER_SYNTAXES


def test_the_order_of_the_peer_is_kept_and_unknown_syntaxes_are_not_agreed():
    proposed = build_context("1.2.3", ["1.2.3.4", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2"])
    (_, context) = supported_contexts([proposed])
    assert context.transfer_syntax == ["1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2"]


@pytest.mark.parametrize(
    ("uid", "storage"),
    [
        ("1.2.840.10008.5.1.4.1.1.3", True),  # ultrasound multi-frame, retired
        ("1.2.840.10008.5.1.4.1.1.3.1", True),
        ("1.3.12.2.1107.5.9.1", True),  # private
        ("1.2.840.10008.5.1.4.1.1.9999", True),  # of a later edition
        ("1.2.840.10008.1.20.1", False),  # storage commitment
        ("1.2.840.10008.1.3.10", False),  # DICOMDIR
        ("1.2.840.10008.5.1.4.1.2.2.1", False),  # study root find
        ("1.2.840.10008.5.1.4.31", False),  # worklist
    ],
)
def test_what_can_be_stored(uid, storage):
    assert is_storage(uid) == storage
