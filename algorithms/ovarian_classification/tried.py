"""What was tried on the way to the networks, with what came of it: for the model card."""

from __future__ import annotations

TRIED: tuple[str, ...] = (
    "From nothing, 20 epochs, at a quarter of the width (the first version): AUC 0.70 for cancer (ResNet-50) and "
    "0.65 (Darknet-19), 0.79 for lesion or normal.",
    "ResNet-50 begun from public weights, at the lesion alone, an earlier run: 0.74 for cancer, 0.85 for lesion or "
    "normal. Chosen. By fold 0.88, 0.78, 0.36, 0.74, 0.91 for cancer: in the third, tumours that look like ovaries.",
    "The segmenter's classes, of the whole picture, alone: 0.72 and 0.79 (0.82 for cancer in that third fold); "
    "averaged with the ResNet-50's answer 0.79 and 0.85, with both networks' of that time 0.76 and 0.85. Chosen "
    "first; then pooled, see below.",
    "Three sizes of the lesion in place of one: lesion or normal +0.01, cancer no change. Chosen.",
    "Two ResNet-50 for every fold (other seeds, 10 and 7 epochs): at the lesion 0.74 and 0.78 for cancer, 0.86 and "
    "0.85 for lesion or normal; in the third fold 0.40 and 0.66 for cancer, so a fold's figure hangs on the run. "
    "Their answers together 0.77 and 0.86, their weights averaged 0.71 and 0.84. Five more epochs of the first, held "
    "against the answers of both: 0.79 and 0.86 from one network. Chosen.",
    "Darknet-19 from nothing, with its ResNet-50's answers and averaged features (50 epochs over crops that it was "
    "asked about once): 0.69 and 0.81 at the lesion. A finer grid, two teachers and features at every place, from "
    "nothing: no better (one fold, 40 epochs: 0.79 and 0.70 where the other had 0.75 and 0.73). With all this, begun "
    "from the public network's features on other pictures, three eighths of the width, crops of other pictures "
    "beside, 20 epochs: 0.76 and 0.84. Chosen: the beginning is what helped.",
    "Answers pooled as geometric mean in place of the mean: ensemble +0.01 for cancer, ResNet-50 with the whole "
    "picture +0.01 for cancer and 0.00 for lesion or normal. Chosen.",
    "Crops of 144 pixels in place of 112 (ResNet-50, one fold, 7 epochs): 0.53 and 0.85 where 112 pixels gave 0.40 "
    "to 0.66 and 0.86. Not used.",
    "A second segmenter (one fold, 14 epochs in place of 9): lesion Dice +0.01, classes 0.77 and 0.72 where the "
    "other had 0.74 and 0.74, together no gain. Five views of the whole picture in place of two, six or nine sights "
    "of the lesion in place of three: at most +0.003 with lesion and whole picture pooled. Not used.",
    "The lesion's share of the picture beside the answers, and all answers by logistic regression (fitted on the "
    "other folds): cancer -0.02, lesion or normal 0.00 to -0.01. Not used.",
    "EfficientNet-lite0, begun from ImageNet, one fold: crops 0.90 and 0.80; whole pictures 0.86 and 0.76, where "
    "that ResNet-50 has 0.92 and 0.82; averaged with it 0.91 and 0.82 (crops), 0.88 and 0.81 (whole pictures). On a "
    "second fold 0.44 and 0.82, averaged no gain. Not used.",
    "Features of EfficientNet-lite left as they are, with logistic regression: 0.55-0.69 for cancer, 0.77-0.82 for "
    "lesion or normal. Not used: they must be taught on.",
    "Outlines that a person drew, for the experts' crops (one fold, from nothing): AUC 0.82 for cancer and 0.92 for "
    "lesion or normal on drawn outlines, 0.73 and 0.64 on found ones. A drawn outline tells what the picture does "
    "not, so the experts are taught on found ones alone. Chosen.",
    "Thirteen traits of the found lesion (echo, fluid, borders, shape) and logistic regression, no network: 0.68 for "
    "cancer, 0.74 for lesion or normal; with the lesion's share of the picture 0.70 and 0.79. The traits as a second "
    "task of the networks: chosen.",
    "Segmentation, lesion Dice over five folds: residual U-Net from nothing 0.776 (28 epochs); U-Net on the public "
    "weights, the eight classes taught besides, 0.812 (9 epochs). Chosen. Two views (one smaller and mirrored) are "
    "as good as four. Chosen.",
    "Where the outline of a normal ovary is good (Dice over 0.6) lesion or normal is told with an AUC of 0.93, else "
    "of 0.62 (one fold): womb, bladder or another mass is outlined in its place.",
    "Outlines drawn at four other shares beside the one at 0.4, all judged by ResNet-50 and averaged: lesion or normal "
    "+0.003 with more than twice the sights. Not used.",
    "Softened answers (temperatures 1.5 to 5): cancer -0.01 to -0.04. Not used.",
    "Lesion or normal by ResNet-50 alone with the whole picture at a weight of 0.3, and the square root of the odds of "
    "the segmenter's sureness (mean share within its outline; alone it gives 0.78): 0.874 where the mean of both "
    "networks, each with the whole picture at one half, gave 0.863. Chosen. Every weight from 0 to 0.4 with every "
    "power from 0.25 to 1 gives 0.868 to 0.875. Mean of the five folds' areas: 0.878 with the ones chosen, 0.873 with "
    "weight and power picked for each fold on the others, 0.872 with one half and no sureness. Darknet-19 adds nothing "
    "to it.",
    "Other candidates for the ovary beside the outline (where the segmenter's class of normal ovaries is highest; the "
    "next piece): of the three the best has a Dice of 0.61 with normal ovaries where the outline has 0.54, and their "
    "answers pooled give lesion or normal -0.01 and -0.02, at a fifth of the weight +0.002. Not used.",
    "A third ResNet-50 as teacher (8 epochs, two folds), the shipped one taught against three: lesion or normal -0.01 "
    "and +0.01, cancer 0.93 to 0.91 and 0.60 to 0.53; weights averaged with those taught against two: 0.00 and +0.01, "
    "cancer 0.92 and 0.57. Not used.",
    "Not tried: simulated lesions as lessons.",
)
