"""dicom-node: runs imaging algorithms beside a PACS and sends their results back as DICOM."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("dicom-node")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"
