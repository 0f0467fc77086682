"""What was tried on the way to the networks, with what came of it: for the model card."""

from __future__ import annotations

TRIED: tuple[str, ...] = (
    "Outlines that a person drew, for the experts' crops (one fold): AUC 0.82 for cancer and 0.92 for lesion or normal "
    "on drawn outlines, 0.73 and 0.64 on found ones. A drawn outline tells what the picture does not, so the experts "
    "are taught on found ones alone. Chosen.",
    "Thirteen traits of the drawn lesion (echo, fluid, borders, shape) and logistic regression, no network: 0.83-0.85 "
    "for cancer with drawn outlines, 0.74-0.76 with found ones, 0.73 for lesion or normal with found ones. As a second "
    "task of the networks. Chosen.",
    "Features of EfficientNet-lite pretrained on ImageNet, with logistic regression: whole picture 0.58 for cancer, "
    "crops about drawn outlines 0.73 (0.90 for lesion or normal). Not used: no gain over the traits.",
    "Segmentation: 20 epochs 0.731, 28 epochs 0.738 of lesion Dice on one fold; a second, wider view averaged in "
    "0.746 (and 1.7 % of lesions missed in place of 4 %). Both chosen.",
    "A crop about the outline at three sizes, averaged: +0.01 for cancer, three times the work. Not used.",
    "Not tried, for want of processor time (two cores, no GPU): longer training (the loss was still falling after 20 "
    "epochs), a wider network, several seeds, pretraining without labels, simulated lesions as further lessons, whole "
    "pictures beside the crops.",
)
