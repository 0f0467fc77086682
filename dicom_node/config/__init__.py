"""``routing.yaml``: what it says (``settings``), how it is read (``reader``), and what its words mean."""

from dicom_node.config.reader import FIELDS, AlgorithmCatalogue, load_config
from dicom_node.config.settings import (
    Accept,
    CandidatePlan,
    NodeConfig,
    NodeSettings,
    Peer,
    Retry,
    ReviewTerms,
    Rule,
    Timeouts,
    Viewer,
)

__all__ = [
    "FIELDS",
    "Accept",
    "AlgorithmCatalogue",
    "CandidatePlan",
    "NodeConfig",
    "NodeSettings",
    "Peer",
    "Retry",
    "ReviewTerms",
    "Rule",
    "Timeouts",
    "Viewer",
    "load_config",
]
