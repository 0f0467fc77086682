"""Both decouplings of a clip: the stored series is the two plain functions' result, quantised; short clips; memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from algorithms.ulm_decoupling.binarise import Threshold
from algorithms.ulm_decoupling.decoupled import decouple
from algorithms.ulm_decoupling.measure import SpaceDecoupling, TimeDecoupling, decouple_space, decouple_time
from algorithms.ulm_decoupling.phantom import Echoes, PhantomOptions, simulate

OTSU = SpaceDecoupling()


def silent(fraction):
    pass


@pytest.fixture(scope="module")
def clip(draw):
    """70 frames: one more stretch than two of 32."""
    return draw([(5, 8, 0.4, 0.1), (40, 30, -0.3, -0.2), (20, 20, 0.2, 0.3)], count=70, rows=40, columns=48).frames


@pytest.mark.parametrize(
    ("space", "time"),
    [
        (OTSU, TimeDecoupling(sign="rectified")),
        (SpaceDecoupling(Threshold("percentile", 90.0), "manhattan", 2), TimeDecoupling("db2", 3, (1, 2), "signed")),
        (SpaceDecoupling(distance="chessboard"), TimeDecoupling(scales=4, dropped=(), sign="absolute")),
    ],
    ids=["defaults", "db2 signed", "all scales absolute"],
)
def test_the_stored_series_is_the_plain_functions_result_quantised(clip, space, time):
    made = decouple(clip, space, time, silent)
    s_g = decouple_space(clip, threshold=space.threshold, distance=space.distance, block_px=space.block_px)
    s_s = decouple_time(s_g, wavelet=time.wavelet, scales=time.scales, dropped=time.dropped, sign=time.sign)
    assert made.frames.shape == s_s.shape
    stored = made.frames.read(0, len(s_s)).astype(float)
    step = (made.high - made.low) / 255
    expected = np.clip(s_s, made.low, made.high)
    assert np.abs(made.low + stored * step - expected).max() <= 0.501 * step
    signed = decouple_time(s_g, wavelet=time.wavelet, scales=time.scales, dropped=time.dropped, sign="signed")
    assert np.array_equal(made.fluctuation, np.abs(signed).max(axis=0))
    assert made.low == (-made.high if time.sign == "signed" else 0)
    assert np.mean(s_s > made.high) < 0.002  # hardly anything is cut


def test_sparsity_is_that_of_the_three_sequences(clip):
    made = decouple(clip, OTSU, TimeDecoupling(sign="rectified"), silent)
    s_g = decouple_space(clip).astype(float)
    s_s = decouple_time(s_g, sign="rectified").astype(float)
    bubble = (s_g > 0).any(axis=0)
    for found, frames in ((made.before, clip.astype(float)), (made.first, s_g), (made.both, s_s)):
        signals = frames[:, bubble]
        power = (signals**2).mean(axis=0)
        along = 1 - np.divide(signals.mean(axis=0) ** 2, power, out=np.zeros_like(power), where=power > 0)
        assert found.time == pytest.approx(along.mean(), abs=1e-4)
        flat = frames.reshape(len(frames), -1)
        power = (flat**2).mean(axis=1)
        across = 1 - np.divide(flat.mean(axis=1) ** 2, power, out=np.zeros_like(power), where=power > 0)
        assert found.space == pytest.approx(across.mean(), abs=1e-4)


def test_the_first_decoupling_makes_it_sparser_and_the_second_where_tissue_is_left():
    """The document's claim in time: it holds where something rests under the bubbles, not on a clean picture."""

    def sparsities(tissue_db):
        echoes = Echoes(snr_db=30, tissue_db=tissue_db)
        phantom = simulate(PhantomOptions(frames=96, rows=64, columns=64, bubbles_per_mm2=0.3, echoes=echoes, seed=3))
        made = decouple(phantom.frames, OTSU, TimeDecoupling(sign="rectified"), silent)
        return made.before, made.first, made.both

    before, first, both = sparsities(tissue_db=-10)
    assert before.time < first.time < both.time
    assert before.space < first.space < both.space
    before, first, both = sparsities(tissue_db=-40)
    assert first.time > before.time
    assert both.time < first.time


@pytest.mark.parametrize(("count", "lengths", "note"), [(64, 4, False), (63, 3, True), (8, 1, True)])
def test_short_clips_have_fewer_scales_and_say_so(clip, count, lengths, note):
    made = decouple(clip[:count], OTSU, TimeDecoupling(), silent)
    assert list(made.lengths) == list(range(2, 2 + lengths))
    assert made.frames.shape[0] == sum(count - 2 ** (scale + 1) + 1 for scale in made.lengths)
    assert made.notes == ((f"{count} frames allow {1 + lengths} of 5 scales of the second decoupling",) if note else ())


def test_too_few_frames_for_the_smallest_scale_are_refused(clip):
    with pytest.raises(ValueError, match="scale 3 of haar, the smallest that is kept, needs >= 16 frames; got 15"):
        decouple(clip[:15], OTSU, TimeDecoupling(dropped=(1, 2)), silent)


def test_a_frame_without_background_is_named(clip):
    frames = clip.copy()
    frames[37] = 200
    with pytest.raises(ValueError, match=r"frame 37 has no background pixel.*choose a higher one"):
        decouple(frames, SpaceDecoupling(Threshold("fixed", 100.0)), TimeDecoupling(), silent)


def test_black_frames_are_no_trouble():
    made = decouple(np.zeros((70, 20, 20), np.uint8), OTSU, TimeDecoupling(sign="rectified"), silent)
    assert not made.frames.read(0, made.frames.shape[0]).any()
    assert not made.fluctuation.any()
    assert (made.first.space, made.first.time) == (1.0, None)


def test_one_bubble_in_a_large_field_is_not_burnt_out(draw):
    """None of the sampled pixels may see it; the grey range then follows the largest value."""
    frames = np.zeros((64, 500, 500), np.uint8)
    frames[20:24, 251:254, 249:252] = 120
    made = decouple(frames, OTSU, TimeDecoupling(sign="rectified"), silent)
    stored = made.frames.read(0, made.frames.shape[0])
    assert 60 < stored.max() <= 255
    assert np.mean(stored[stored > 0] == 255) < 0.5


def test_progress_goes_from_0_to_1(clip):
    told = []
    decouple(clip, OTSU, TimeDecoupling(), told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert 0 < told[0] < 0.4


MEMORY = """
import resource, tempfile
import numpy as np
from algorithms.ulm_decoupling.decoupled import decouple
from algorithms.ulm_decoupling.measure import SpaceDecoupling, TimeDecoupling

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

rng = np.random.default_rng(0)
with tempfile.TemporaryFile() as file:
    for _ in range({count}):
        file.write(rng.integers(0, 256, (256, 256), dtype=np.uint8).data)
    file.flush()
    frames = np.memmap(file, np.uint8, "r", shape=({count}, 256, 256))
decouple(frames[:64, :64, :64], SpaceDecoupling(), TimeDecoupling(), lambda part: None)
before = peak_mib()
made = decouple(frames, SpaceDecoupling(), TimeDecoupling(), lambda part: None)
assert made.frames.shape[0] > {count} * 3
print(peak_mib() - before - frames.nbytes / 2**20)
"""


@pytest.mark.process
def test_memory_does_not_grow_with_the_length_of_the_clip():
    """S_G of 360 frames alone would be 94 MB as float32, S_S 350 MB."""

    def used_mib(count):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY.format(count=count)], capture_output=True, text=True, timeout=100, check=True
        )
        return float(done.stdout)

    short, long = used_mib(120), used_mib(360)
    assert long < 150
    assert long - short < 40
