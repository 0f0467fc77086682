"""The codes of the report. Probability of cancer (111047 DCM) is the calibrated one of the examination only; what the
networks say of an image, and theta, are codes of this project."""

from __future__ import annotations

from algorithms.ovarian_classification.operating import Decision
from dicom_node.codes import Code, Unit, local

OVARY = Code("15497006", "SCT", "Ovary")
MASS = Code("4147007", "SCT", "Mass")
LESION = Code("52988006", "SCT", "Lesion")
EXAMINATION = local("OVARIES_BY_US", "Ultrasound examination of the ovaries")
NOT_USED = local("IMAGE_NOT_USED", "Image that was not used")

THETA = local("THETA", "Theta, mean of -ln(1 - P(cancer)) over the images used")
THETA_RESNET50 = local("THETA_RESNET50", "Theta of ResNet-50")
THETA_DARKNET19 = local("THETA_DARKNET19", "Theta of Darknet-19")
WEIGHT_RESNET50 = local("WEIGHT_RESNET50", "Weight of ResNet-50 in the combined theta")
PROBABILITY = Code("111047", "DCM", "Probability of cancer")
THRESHOLD = local("THETA_FROM", "Theta from which it counts as malignant")
THRESHOLD_LOW = local("THETA_BELOW", "Theta below which it counts as not malignant")
IMAGES_USED = local("IMAGES_USED", "Images used")
IMAGES_DROPPED = local("IMAGES_DROPPED", "Images not used")
DECISION = local("DECISION", "Decision")
DECISIONS: dict[Decision, Code] = {
    "not_malignant": local("not_malignant", "Not malignant by this score"),
    "abstain": local("abstain", "No decision: theta lies between both thresholds"),
    "malignant": local("malignant", "Malignant by this score"),
}
THRESHOLD_FROM = local("THRESHOLD_FROM", "Where the thresholds come from")
BASIS = local("SCORE_BASIS", "What the score rests on")

IMAGE = Unit("{image}", "images")
P_RESNET50 = local("P_RESNET50", "P(cancer) of this image by ResNet-50, not calibrated")
P_DARKNET19 = local("P_DARKNET19", "P(cancer) of this image by Darknet-19, not calibrated")
P_LESION = local("P_LESION", "P(lesion) of this image, not calibrated")
SPREAD = local("P_SPREAD", "Spread of P(cancer) over the folds' networks")
OUTLINE_AREA = Code("42798000", "SCT", "Area")

IMAGE_USE = local("IMAGE_USE", "Use of this image")
USED = local("used", "Used")
EXCLUDED = local("excluded", "Not used")
REASON = local("USE_REASON", "Why it was used or not")
QUALITY_ASSESSMENT = Code("111050", "DCM", "Quality Assessment")  # answers: CID 7036
DIAGNOSTIC = Code("RID12", "RADLEX", "Diagnostic quality")
NON_DIAGNOSTIC = Code("RID14", "RADLEX", "Non-diagnostic quality")
UNDETERMINED = "undetermined"
"""The quality label of a picture that cannot be read."""
QUALITY_WORDS = {
    "adnexa": "adnexa",
    "lesion": "lesion",
    "ascites": "ascites",
    "blood_flow": "blood flow",
    "three_d": "3-D",
    UNDETERMINED: "undetermined",
}
QUALITIES = {
    "adnexa": local("P_ADNEXA", "P(shows an adnexum)"),
    "lesion": local("P_SHOWS_LESION", "P(shows a lesion), quality network"),
    "ascites": local("P_ASCITES", "P(shows ascites)"),
    "blood_flow": local("P_BLOOD_FLOW", "P(shows blood flow signals)"),
    "three_d": local("P_THREE_D", "P(three-dimensional)"),
    UNDETERMINED: local("P_UNDETERMINED", "P(cannot be determined)"),
}
