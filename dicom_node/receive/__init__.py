"""Reception: what arrives by C-STORE becomes files and rows."""

from dicom_node.receive.scp import Receiver

__all__ = ["Receiver"]
