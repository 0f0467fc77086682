"""What was tried on the way to the networks, with what came of it: for the model card."""

from __future__ import annotations

TRIED: tuple[str, ...] = (
    "From nothing, 20 epochs, at a quarter of the width: AUC 0.70 for cancer (ResNet-50) and 0.65 (Darknet-19), 0.79 "
    "for lesion or normal; the loss was still falling.",
    "Begun from public weights, on the fold that was hardest for lesion or normal: ResNet-50 0.92 for cancer and 0.82 "
    "for lesion or normal after 12 epochs, where networks from nothing had 0.68 and 0.72. Chosen.",
    "EfficientNet-lite0, begun from ImageNet, the same fold: crops 0.90 and 0.80; whole pictures 0.86 and 0.76; "
    "averaged with the ResNet-50 0.91 and 0.82 (crops) and 0.88 and 0.81 (whole pictures). Not used.",
    "The same features left as they are, with logistic regression: 0.58-0.69 for cancer, 0.77-0.82 for lesion or "
    "normal. Not used: they must be taught on.",
    "Outlines that a person drew, for the experts' crops (one fold, from nothing): AUC 0.82 for cancer and 0.92 for "
    "lesion or normal on drawn outlines, 0.73 and 0.64 on found ones. A drawn outline tells what the picture does "
    "not, so the experts are taught on found ones alone. Chosen.",
    "Thirteen traits of the drawn lesion (echo, fluid, borders, shape) and logistic regression, no network: 0.83-0.85 "
    "for cancer with drawn outlines, 0.74-0.76 with found ones, 0.73 for lesion or normal with found ones. As a second "
    "task of the networks. Chosen.",
    "Segmentation, lesion Dice on two folds: residual U-Net from nothing 0.743 and 0.773 (28 epochs); U-Net on the "
    "public weights, the eight classes taught besides, 0.785 and 0.816 (9 epochs). Chosen. A second, wider view "
    "averaged in: 1.7 % of lesions missed in place of 4 %. Chosen.",
    "Where the outline of a normal ovary is good (Dice over 0.6) lesion or normal is told with an AUC of 0.93, else of "
    "0.62 (one fold): womb, bladder or another mass is outlined in its place.",
    "A crop about the outline at three sizes, averaged: +0.01 for cancer, three times the work. Not used.",
    "Not tried, for want of processor time (two cores, no GPU): several seeds, larger crops, pretraining without "
    "labels on ultrasound, simulated lesions as further lessons.",
)
