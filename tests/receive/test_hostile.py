"""Every file of the robustness set, byte for byte: stored, refused or set aside, each time with a reason."""

from __future__ import annotations

import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom.filereader import read_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.receive.header import is_uid
from dicom_node.receive.negotiate import TRANSFER_SYNTAXES
from dicom_node.storage import dataset_offset, sha256_of_dataset

pytestmark = [pytest.mark.loopback, pytest.mark.filterwarnings("ignore:Invalid value for VR UI")]

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ASSOCIATIONS = 4  # at the same time


def _claims(path: Path) -> tuple[str, str, str]:
    """(class, instance, transfer syntax) that a sender would give for this file; made up where the file has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            meta = read_file_meta_info(path)
            values = [str(meta.get(name, "")) for name in ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID")]
            syntax = str(meta.get("TransferSyntaxUID", ""))
    except Exception:  # noqa: BLE001 - pydicom raises many kinds on hostile files; it is not what is tested here
        values, syntax = ["", ""], ""
    sop_class, instance = (value if is_uid(value) else "" for value in values)
    return (
        sop_class or SECONDARY_CAPTURE,
        instance or f"2.25.{abs(hash(path.name))}",
        syntax if syntax in TRANSFER_SYNTAXES else ExplicitVRLittleEndian,
    )


def test_every_file_of_the_robustness_set_is_stored_refused_or_set_aside(reception, needs_shared, record_property):
    folder = needs_shared("data/dicom")
    node = reception(max_pdu=16384)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".md", ".txt"))
    assert len(files) > 400
    claims = {path: _claims(path) for path in files}
    pairs = sorted({(sop_class, syntax) for sop_class, _, syntax in claims.values()})
    senders = [node.sender(contexts=pairs[start::ASSOCIATIONS]) for start in range(ASSOCIATIONS)]
    sender_of = {pair: senders[number % ASSOCIATIONS] for number, pair in enumerate(pairs)}

    def send_all(sender: Any) -> list[tuple[str, str]]:
        """(kind of file, outcome) of every file that goes over this association."""
        outcomes = []
        for path, (sop_class, instance, syntax) in claims.items():
            if sender_of[sop_class, syntax] is not sender:
                continue
            outcome = "context refused"
            if sender.accepts(sop_class, syntax):
                with path.open("rb") as file:
                    file.seek(dataset_offset(file))
                    response = sender.send(file.read(), sop_class, instance, syntax)
                assert "Status" in response, f"{path.name}: the association broke"
                assert response.Status == 0 or response.ErrorComment, f"{path.name} was refused without a reason"
                outcome = f"{response.Status:04X}"
            outcomes.append((path.relative_to(folder).parts[0], outcome))
        return outcomes

    with ThreadPoolExecutor(ASSOCIATIONS) as pool:
        outcomes = Counter(outcome for some in pool.map(send_all, senders) for outcome in some)

    assert all(sender.echo() for sender in senders)
    for outcome, count in sorted(outcomes.items()):
        record_property(" ".join(outcome), count)
    print(*(f"{kind:16} {what:16} {count:4}" for (kind, what), count in sorted(outcomes.items())), sep="\n")
    instances, aside = node.rows("instances"), node.rows("set_aside")
    assert sum(count for (_, what), count in outcomes.items() if what == "0000") >= len(instances) > 200
    failures = sum(count for (_, what), count in outcomes.items() if what not in ("0000", "context refused"))
    assert sum(row["times_seen"] for row in aside) == failures
    for row in instances + aside:
        assert sha256_of_dataset(node.inbox.data_dir / row["path"]) == row["sha256"]
    for row in aside:
        assert len(row["reason"]) > 20
    assert list(node.inbox.incoming.iterdir()) == []
