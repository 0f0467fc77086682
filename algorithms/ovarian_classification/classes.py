"""The kinds of picture that the public images are labelled with, as their ``labels.csv`` writes them."""

from __future__ import annotations

CLASSES = (
    "Chocolate_Cyst",
    "High-grade_Serous_Cystadenoma",
    "Mucinous_Cystadenoma",
    "Ovary_Normal",
    "Serous_Cystadenoma",
    "Simple_Cyst",
    "Teratoma",
    "Theca_Cell_Tumor",
)
MALIGNANT_CLASS = "High-grade_Serous_Cystadenoma"
"""So in the file; the original data set calls it high-grade serous cystadenocarcinoma, which it is."""
NORMAL_CLASS = "Ovary_Normal"
MALIGNANT = CLASSES.index(MALIGNANT_CLASS)
NORMAL = CLASSES.index(NORMAL_CLASS)

GROUPS = ("malignant", "benign", "normal")
