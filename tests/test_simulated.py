"""What counts as saying that an image is simulated."""

from __future__ import annotations

import pytest

from dicom_node.simulated import sentence_of


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("Simulated image, made by a phantom. Vessel tree 3.", "Simulated image, made by a phantom."),
        ("SIMULATED IMAGE", "SIMULATED IMAGE"),
        (" simulated image, by hand.\r\nMore", "simulated image, by hand."),
        ("Not a simulated image", ""),
        ("Simulator room 3", ""),
        ("", ""),
    ],
)
def test_the_sentence_of_image_comments(comment, said):
    assert sentence_of(comment) == said
