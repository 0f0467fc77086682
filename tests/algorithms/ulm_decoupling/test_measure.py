"""The two decouplings against hand calculation, scipy's exact distances and a plain per-pixel convolution."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
from scipy import ndimage

from algorithms.ulm_decoupling.binarise import Threshold, bubble_mask, otsu_threshold
from algorithms.ulm_decoupling.measure import (
    SpaceDecoupling,
    TimeDecoupling,
    decouple_chunks,
    decouple_space,
    decouple_time,
    kernel,
    largest_scale,
    quantise,
    spliced_lengths,
)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def rectangle() -> np.ndarray:
    """Figure 11 of the document: a rectangle of ones, here 5 rows of 7."""
    frame = np.zeros((9, 11), np.uint8)
    frame[2:7, 2:9] = 1
    return frame[None]


class TestSpace:
    def test_the_documents_rectangle_by_chessboard_distance(self):
        expected = np.zeros((9, 11))
        for depth in (1, 2, 3):  # rings, counted from the margin
            expected[1 + depth : 8 - depth, 1 + depth : 10 - depth] = depth
        result = decouple_space(rectangle(), threshold="fixed", threshold_value=0, distance="chessboard")
        np.testing.assert_array_equal(result[0], expected)

    def test_one_background_pixel_by_hand(self):
        frame = np.full((1, 4, 5), 10, np.uint8)
        frame[0, 0, 0] = 0
        at = (0, 3, 4)  # three rows and four columns away
        for distance, steps in (("euclidean", 5), ("manhattan", 7), ("chessboard", 4)):
            assert decouple_space(frame, distance=distance)[at] == pytest.approx(10 * steps)

    @pytest.mark.parametrize(
        ("distance", "reference"),
        [
            ("euclidean", ndimage.distance_transform_edt),
            ("manhattan", lambda mask: ndimage.distance_transform_cdt(mask, "taxicab")),
            ("chessboard", lambda mask: ndimage.distance_transform_cdt(mask, "chessboard")),
        ],
    )
    @pytest.mark.parametrize("share", [0.001, 0.3])
    def test_distances_are_exact(self, rng, distance, reference, share):
        mask = rng.random((3, 150, 97)) > share
        result = decouple_space(
            mask.astype(np.uint16), threshold="fixed", threshold_value=0, distance=distance, threads=3
        )
        for found, bubble in zip(result, mask, strict=True):
            np.testing.assert_allclose(found, reference(bubble), rtol=1e-6)

    @pytest.mark.parametrize("block_px", [2, 3, 4])
    def test_blocks_measure_from_their_centre_point(self, rng, block_px):
        frame = (rng.random((11, 14)) > 0.15).astype(np.uint8) * 7
        result = decouple_space(frame[None], threshold="fixed", threshold_value=0, block_px=block_px)[0]
        background = np.argwhere(frame == 0)
        for row, column in np.ndindex(frame.shape):
            top, left = row - row % block_px, column - column % block_px
            centre = (top + min(top + block_px, 11) - 1) / 2, (left + min(left + block_px, 14) - 1) / 2
            nearest = np.hypot(*(background - centre).T).min()
            assert result[row, column] == pytest.approx(nearest * frame[row, column], rel=1e-5)

    def test_grey_values_are_kept_in_every_type(self):
        frame = rectangle()[0].astype(float) * 3.5
        for dtype in (np.float32, np.float64):
            result = decouple_space(frame[None].astype(dtype))
            assert result.dtype == np.float32
            assert result.max() == pytest.approx(3 * 3.5)
        assert decouple_space(rectangle().astype(np.int32) * 300).max() == pytest.approx(900)

    def test_a_frame_without_bubbles_becomes_zero(self):
        for threshold in ("otsu", "percentile", "adaptive"):
            assert not decouple_space(np.full((2, 8, 8), 40, np.uint8), threshold=threshold).any()
        assert not decouple_space(np.full((1, 8, 8), 0.4)).any()

    def test_a_frame_without_background_is_refused(self):
        frames = np.full((2, 8, 8), 40, np.uint8)
        frames[0, 0, 0] = 0
        with pytest.raises(ValueError, match=r"frame 1 has no background pixel.*smallest is 40"):
            decouple_space(frames, threshold="fixed", threshold_value=10, threads=1)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_values_that_are_no_numbers_are_refused(self, bad):
        frames = np.ones((3, 8, 8))
        frames[2, 1, 1] = bad
        with pytest.raises(ValueError, match="frame 2 holds NaN or infinite"):
            decouple_space(frames)
        with pytest.raises(ValueError, match="NaN or infinite"):
            decouple_time(np.repeat(frames, 30, axis=0))

    def test_wrong_use_is_named(self):
        with pytest.raises(ValueError, match=r"shape \(N, rows, columns\).*\(8, 8\)"):
            decouple_space(np.ones((8, 8)))
        with pytest.raises(ValueError, match="integers or floating-point numbers; got complex128"):
            decouple_space(np.ones((2, 8, 8), complex))
        with pytest.raises(ValueError, match="choose one of: euclidean, manhattan, chessboard"):
            decouple_space(rectangle(), distance="taxi")
        with pytest.raises(ValueError, match="out must be a C-ordered float32 array"):
            decouple_space(rectangle(), out=np.empty((1, 9, 11)))


class TestThresholds:
    def test_otsu_separates_two_classes(self, rng):
        frame = np.concatenate([rng.normal(20, 3, 900), rng.normal(120, 5, 100)]).reshape(25, 40)
        truth = frame > 70
        for typed in (frame.astype(np.float32), np.clip(frame, 0, 255).astype(np.uint8)):
            np.testing.assert_array_equal(bubble_mask(typed, Threshold()), truth)
            assert 25 < otsu_threshold(typed) < 110
        np.testing.assert_array_equal(bubble_mask((frame * 200).clip(0).astype(np.uint16), Threshold()), truth)

    def test_percentile_is_the_share_of_background(self):
        frame = np.arange(100, dtype=np.float32).reshape(10, 10)
        assert bubble_mask(frame, Threshold("percentile", 90)).sum() == 10
        assert bubble_mask(frame, Threshold("percentile")).sum() == 5

    def test_adaptive_follows_the_surroundings(self):
        frame = np.tile(np.linspace(0, 150, 60, dtype=np.float32), (60, 1))
        frame[20, 10] += 30
        frame[20, 50] += 30
        mask = bubble_mask(frame, Threshold("adaptive", 15, window_px=9))
        assert mask.sum() == 2
        assert mask[20, 10]
        assert mask[20, 50]

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Threshold("fixed"), "needs a threshold value"),
            (lambda: Threshold("otsu", 3), "finds its value itself"),
            (lambda: Threshold("percentile", 100), "at least 0 and below 100"),
            (lambda: Threshold("adaptive", window_px=8), "odd number of pixels"),
            (lambda: Threshold("median"), "choose one of: otsu, percentile, fixed, adaptive"),
        ],
    )
    def test_impossible_numbers_are_refused(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()


class TestTime:
    def test_the_documents_lengths(self):
        assert spliced_lengths(201, dropped=()) == {1: 198, 2: 194, 3: 186, 4: 170, 5: 138}
        assert sum(spliced_lengths(201).values()) == 688
        assert decouple_time(np.zeros((201, 2, 3))).shape == (688, 2, 3)

    def test_haar_kernel_by_hand(self):
        np.testing.assert_allclose(kernel("haar", 1), [0.5, 0.5, -0.5, -0.5])
        assert len(kernel("haar", 5)) == 64
        step = np.repeat([0.0, 8.0], 4)[:, None, None]  # a bubble arrives at the fifth frame
        np.testing.assert_allclose(decouple_time(step, scales=1, dropped=()).ravel(), [0, 4, 8, 4, 0], atol=1e-6)

    @pytest.mark.parametrize(
        ("wavelet", "scales"), [("haar", 5), ("db2", 5), ("db4", 3), ("sym4", 3), ("coif1", 3), ("bior2.2", 3)]
    )
    def test_every_value_is_a_plain_convolution(self, rng, wavelet, scales):
        signals = rng.random((201, 3, 5)) * 1000
        plain = np.concatenate([
            np.apply_along_axis(lambda s, j=j: np.convolve(s, kernel(wavelet, j), "valid"), 0, signals)
            for j in range(2, scales + 1)
        ])  # fmt: skip
        result = decouple_time(signals, wavelet=wavelet, scales=scales)
        assert np.abs(result - plain).max() < 1e-5 * 1000

    def test_kernels_agree_with_pywavelets(self, rng):
        """pywt's stationary transform is periodic; its interior must hold our coefficients of level j + 1."""
        signal = rng.random(128)
        for wavelet in ("haar", "db2"):
            length = len(kernel(wavelet, 2))
            ours = np.convolve(signal, kernel(wavelet, 2), "valid")
            (_, detail), *_ = pywt.swt(signal[::-1], wavelet, level=3)  # pywt runs its filters backwards in time
            shifted = [np.roll(detail[::-1], -k)[: 128 - length + 1] for k in range(128)]
            assert min(min(np.abs(s - ours).max(), np.abs(s + ours).max()) for s in shifted) < 1e-9

    def test_long_signals_stay_accurate(self, rng):
        signal = 60000 + rng.random((4000, 1, 1))  # one running sum in single precision would lose this
        ours = decouple_time(signal)[-1, 0, 0]
        plain = np.convolve(signal[:, 0, 0], kernel("haar", 5), "valid")[-1]
        assert abs(ours - plain) < 1e-5 * 60000

    def test_strips_do_not_show(self, rng):
        frames = rng.random((70, 70, 67)).astype(np.float32)
        whole = decouple_time(frames, threads=1)
        np.testing.assert_array_equal(decouple_time(frames, threads=3), whole)
        np.testing.assert_array_equal(decouple_time(frames[:, 60:61])[:, 0], whole[:, 60])

    def test_sign_choices(self, rng):
        frames = rng.random((64, 2, 2))
        signed = decouple_time(frames)
        assert (signed < 0).any()
        np.testing.assert_array_equal(decouple_time(frames, sign="absolute"), np.abs(signed))
        np.testing.assert_array_equal(decouple_time(frames, sign="rectified"), np.maximum(signed, 0))

    def test_two_scales_dropped(self, rng):
        frames = rng.random((64, 2, 2))
        np.testing.assert_array_equal(decouple_time(frames, dropped=(1, 2)), decouple_time(frames)[57:])

    def test_too_few_frames_says_how_many(self):
        with pytest.raises(ValueError, match=r"scale 5 of haar needs >= 64 frames; got 50 \(use at most 4 scales\)"):
            decouple_time(np.zeros((50, 2, 2)))
        assert largest_scale(50) == 4
        assert largest_scale(3) == 0

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"wavelet": "morl"}, "no discrete wavelet"),
            ({"wavelet": "harr"}, "did you mean haar"),
            ({"scales": 0}, "at least one scale"),
            ({"dropped": (6,)}, r"between 1 and 5; got \[6\]"),
            ({"scales": 1}, "keep at least one"),
            ({"sign": "both"}, "choose one of: signed, rectified, absolute"),
        ],
    )
    def test_impossible_options_are_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            decouple_time(np.zeros((201, 2, 2)), **options)


class TestChunks:
    @pytest.mark.parametrize("chunk_frames", [1, 32, 500])
    def test_chunks_together_are_the_whole(self, rng, chunk_frames):
        frames = rng.integers(0, 255, (90, 12, 10)).astype(np.uint8)
        space, time = SpaceDecoupling(distance="manhattan"), TimeDecoupling("haar", 5, (1, 2))
        whole = decouple_time(decouple_space(frames, distance="manhattan"), dropped=(1, 2))
        result = np.full_like(whole, np.nan)
        for where, block in decouple_chunks(frames, space, time, chunk_frames=chunk_frames):
            assert np.isnan(result[where]).all()
            result[where] = block
        np.testing.assert_array_equal(result, whole)

    def test_the_frame_in_a_message_is_the_sequences_own(self):
        frames = np.zeros((100, 6, 6), np.float32)
        frames[90, 0, 0] = np.nan
        with pytest.raises(ValueError, match="frame 90 holds NaN"):
            list(decouple_chunks(frames, chunk_frames=16))


def test_quantised_values_come_back_within_half_a_step(rng):
    frames = rng.normal(0, 50, (3, 4, 5)).astype(np.float32)
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535)):
        stored = quantise(frames, dtype, -200, 200)
        np.testing.assert_allclose(-200 + stored * (400 / top), frames, atol=0.51 * 400 / top)
    assert quantise(np.full((1, 1, 1), 9e9), np.uint8, 0, 1).item() == 255
    with pytest.raises(ValueError, match="must lie above"):
        quantise(frames, np.uint8, 1, 1)
