"""The last stage: a person judges a draft. What commands do here, a page may do as well; nothing here prints or asks.

values.py     what a reviewer sees (Draft, Waiting) and what came of a decision (Decision)
engine.py     ReviewDesk: what waits, one draft whole, accept, correct, reject
"""

from dicom_node.review.engine import ReviewDesk
from dicom_node.review.values import Decision, Draft, Waiting
from dicom_node.review_rows import Act, ActChange, Review, Reviewer, ReviewState

__all__ = ["Act", "ActChange", "Decision", "Draft", "Review", "ReviewDesk", "ReviewState", "Reviewer", "Waiting"]
