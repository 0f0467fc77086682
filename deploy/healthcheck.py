"""Whether a node answers DICOM on this machine: exit code 0 if it does, 1 if not.   healthcheck.py [PORT]

It asks for an association with Verification, as AE title HEALTHCHECK. A refusal is an answer too: a node that lets
only some AE titles in is well. Name HEALTHCHECK in node.accept.calling_ae and the refusals stay out of its log.
"""

from __future__ import annotations

import sys

from pynetdicom import AE
from pynetdicom.sop_class import Verification

SECONDS = 5


def answers(port: int) -> bool:
    """Whether somebody accepts or refuses an association there."""
    entity = AE("HEALTHCHECK")
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = SECONDS
    entity.add_requested_context(Verification)
    association = entity.associate("127.0.0.1", port)
    if not association.is_established:
        return association.is_rejected
    status = association.send_c_echo()
    association.release()
    return status.get("Status") == 0x0000


if __name__ == "__main__":
    sys.exit(0 if answers(int(sys.argv[1]) if len(sys.argv) > 1 else 11112) else 1)
