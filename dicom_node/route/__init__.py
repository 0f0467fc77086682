"""From complete series and studies to jobs: every rule tried on every instance, and what each of them saw kept."""

from dicom_node.route.explanation import Explanation, explain_unit, explanation_text, trace_text
from dicom_node.route.headers import HeaderFacts
from dicom_node.route.offline import explain
from dicom_node.route.router import Router

__all__ = ["Explanation", "HeaderFacts", "Router", "explain", "explain_unit", "explanation_text", "trace_text"]
