"""dicom-node: runs imaging algorithms beside a PACS and sends their results back as DICOM."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("dicom-node")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"

# Implementation Class UID (0002,0012) of every file that this software writes
IMPLEMENTATION_CLASS_UID = "2.25.156607815193822365868098734944170187978"
# Manufacturer (0008,0070) of what this software makes; by it own output is known again
MANUFACTURER = "dicom-node"
