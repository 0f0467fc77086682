"""Real pictures of no pelvis: sorted by kind, none twice, nothing of a pelvis among them."""

from __future__ import annotations

from collections import Counter

import numpy as np
from PIL import Image

from algorithms.ovarian_classification.real_pictures import KINDS, PELVIC, Picture, no_pelvis, shown
from dicom_node.algorithm import NoModels
from dicom_node.judging import workbench


def test_every_kind_is_there_and_no_pelvis(needs_shared):
    data = needs_shared("data/ovarian")
    with workbench(NoModels()) as bench:
        pictures = no_pelvis(data, bench.load, most_of_a_kind=12)
    counts = Counter(picture.kind for picture in pictures)
    assert set(counts) == set(KINDS)
    assert max(counts.values()) <= 12
    assert not any(PELVIC.search(picture.name) for picture in pictures)
    assert len({picture.rgb.tobytes() for picture in pictures}) == len(pictures)
    assert all(picture.rgb.dtype == np.uint8 and picture.rgb.shape[2] == 3 for picture in pictures)


def test_what_is_not_there_is_left_out(tmp_path):
    (tmp_path / "lv/sunnybrook_png/images").mkdir(parents=True)
    Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)).save(
        tmp_path / "lv/sunnybrook_png/images/SC-HYP-06-IM-0001-0043.png"
    )
    (found,) = no_pelvis(tmp_path, lambda paths: None)
    assert (found.kind, found.source) == ("MR", "SC-HYP-06")


def test_a_cine_is_one_source():
    assert Picture("echocardiography", "a.dcm#7", np.zeros((40, 40, 3), np.uint8)).source == "a.dcm"


def test_more_than_eight_bits_are_windowed():
    frame = np.linspace(100, 3000, 40 * 50).reshape(40, 50).astype(np.uint16)
    rgb = shown(frame)
    assert rgb.shape == (40, 50, 3)
    assert (rgb.min(), rgb.max()) == (0, 255)
    assert shown(rgb) is not None
    assert (shown(rgb) == rgb).all()
