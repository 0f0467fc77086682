"""Frames in a file: written in any order, read back in any stretch, gone with the object."""

from __future__ import annotations

import gc
import os

import numpy as np
import pytest

from algorithms.ulm_decoupling.stored_frames import StoredFrames, Stretch

FRAMES = np.random.default_rng(4).integers(0, 256, (11, 5, 7), dtype=np.uint8)


@pytest.fixture
def stored() -> StoredFrames:
    frames = StoredFrames.empty(FRAMES.shape)
    frames.write(6, FRAMES[6:])
    frames.write(0, FRAMES[:6])
    return frames


def test_what_is_written_is_read(stored):
    assert np.array_equal(stored.read(0, 11), FRAMES)
    assert np.array_equal(stored.read(9, 40), FRAMES[9:])
    assert stored.read(4, 4).shape == (0, 5, 7)


def test_frames_that_were_never_written_are_no_zeros():
    frames = StoredFrames.empty((3, 5, 7))
    frames.write(0, FRAMES[:2])
    with pytest.raises(EOFError, match="never written"):
        frames.read(1, 3)


def test_a_stretch_counts_from_its_first_frame(stored):
    stretch = Stretch(stored, 4, 9)
    assert (stretch.shape, stretch.dtype) == ((5, 5, 7), np.uint8)
    assert np.array_equal(stretch.read(1, 3), FRAMES[5:7])
    assert np.array_equal(stretch.read(3, 40), FRAMES[7:9])


def test_the_file_goes_with_the_object(stored):
    descriptor = stored._descriptor
    os.fstat(descriptor)
    stretch = Stretch(stored, 0, 2)
    del stored
    gc.collect()
    assert np.array_equal(stretch.read(0, 2), FRAMES[:2])  # still held
