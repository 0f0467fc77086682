"""The algorithms that come with dicom-node, found through the entry-point group ``dicom_node.algorithms``."""
