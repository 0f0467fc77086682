"""Deliver: result files of the outbox to a peer by C-STORE, every object's fate in a row.

deliverer.py   one deliver job: negotiate, adapt to what the peer takes, send images first and the report last
ledger.py      the rows of ``deliveries``: waiting -> sending -> delivered | refused | skipped
scu.py         one association as a requestor: contexts, C-STORE from disk, C-FIND of one instance
statuses.py    what a C-STORE status means for the object
transcode.py   lossless rewriting into Explicit or Implicit VR Little Endian
"""

from __future__ import annotations

from dicom_node.deliver.deliverer import Adapt, Adapted, Deliverer
from dicom_node.deliver.outgoing import Outgoing

__all__ = ["Adapt", "Adapted", "Deliverer", "Outgoing"]
