"""The layout of labels.csv, images/ and masks/: what is read, and what is refused in plain words."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from algorithms.ovarian_classification.training_data import read_labelled
from dicom_node.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for number in (12, 3):
        Image.fromarray(np.full((20, 30, 3), number, np.uint8)).save(tmp_path / "images" / f"{number}.png")
    mask = np.zeros((10, 15), np.uint8)  # half the size of the picture
    mask[2:4, 5:7] = 9
    Image.fromarray(mask).save(tmp_path / "masks" / "3.png")
    (tmp_path / "labels.csv").write_text(
        "image,class\n12.png,Teratoma\n3.png,High-grade_Serous_Cystadenoma\n", encoding="utf-8"
    )
    return tmp_path


def test_pictures_in_the_order_of_their_numbers(folder):
    first, second = read_labelled(folder)
    assert (first.number, second.number) == (3, 12)
    assert (first.group, second.group) == ("malignant", "benign")
    assert first.rgb.shape == (20, 30, 3)
    assert first.digest == hashlib.sha256((folder / "images" / "3.png").read_bytes()).hexdigest()[:12]


def test_a_mask_of_another_size_is_brought_to_the_picture(folder):
    mask = read_labelled(folder)[0].mask
    assert mask.shape == (20, 30)
    assert mask.sum() == 16
    assert mask[4:8, 10:14].all()


def test_without_a_mask_it_is_empty(folder):
    assert not read_labelled(folder)[1].mask.any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,kind\n3.png,Teratoma\n", "column class is missing"),
        ("image,class\n3.png,Fibroid\n", "Fibroid is none of"),
        ("image,class\n4.png,Teratoma\n", "4.png, which labels.csv names, cannot be read"),
        ("image,class\n", "names no picture"),
        ("image,class\n3.png\n", "line 2: needs an image and its class"),
    ],
)
def test_what_is_wrong_with_labels(folder, text, words):
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        read_labelled(folder)


def test_no_labels_at_all(tmp_path):
    with pytest.raises(UsageError, match=r"needed is a folder with labels\.csv"):
        read_labelled(tmp_path)


def test_a_mask_that_is_no_picture(folder):
    (folder / "masks" / "3.png").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"3\.png cannot be read as a mask"):
        read_labelled(folder)


def test_labels_of_another_encoding(folder):
    (folder / "labels.csv").write_bytes("image,class\n\xe4.png,Teratoma\n".encode("latin-1"))
    with pytest.raises(UsageError, match="no UTF-8"):
        read_labelled(folder)
