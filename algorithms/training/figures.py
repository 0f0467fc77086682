"""A figure with its interval, under the name that the training kit has always had for it; see dicom_node.figures."""

from dicom_node.figures import Interval, interval

__all__ = ["Interval", "interval"]
