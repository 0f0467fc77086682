"""Localisation against drawn Gaussians and the semi-synthetic sequences with real bubbles."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ulm_decoupling.detect import DetectOptions
from algorithms.ulm_decoupling.fit import Emitters, PaddedFrames, fit_emitters, isolated, measured_widths
from algorithms.ulm_decoupling.localise import LocaliseOptions, localise
from algorithms.ulm_decoupling.measure import decouple_space, decouple_time
from algorithms.ulm_decoupling.psf import ASSUMED, point_spread_of_crowds
from algorithms.ulm_decoupling.scene import PictureQuality, survey
from algorithms.ulm_decoupling.score import LocalisationScore, score_localisations

SIGMA_X, SIGMA_Y = 1.9, 1.3


def drawn(bubbles: np.ndarray, n_frames: int, rows: int = 64, columns: int = 70) -> np.ndarray:
    """Frames with Gaussians at rows of (frame, x, y, amplitude)."""
    frames = np.zeros((n_frames, rows, columns))
    y, x = np.mgrid[:rows, :columns]
    for frame, x_0, y_0, amplitude in bubbles:
        bell = np.exp(-(((x - x_0) / SIGMA_X) ** 2) / 2 - ((y - y_0) / SIGMA_Y) ** 2 / 2)
        frames[int(frame)] += amplitude * bell
    return frames


def paths(starts: list[tuple[float, float]], velocities: list[tuple[float, float]], n_frames: int = 30) -> np.ndarray:
    """Rows of (frame, x, y, amplitude 160) of bubbles on straight lines."""
    return np.array([
        (t, x + v_x * t, y + v_y * t, 160.0)
        for t in range(n_frames)
        for (x, y), (v_x, v_y) in zip(starts, velocities, strict=True)
    ])  # fmt: skip


def noisy(frames: np.ndarray, seed: int = 0, noise: float = 4.0) -> np.ndarray:
    """As a scanner would store them: noise, clipped, uint8."""
    rng = np.random.default_rng(seed)
    return (frames + np.abs(rng.normal(0, noise, frames.shape))).clip(0, 255).astype(np.uint8)


def rayleigh(rms: float, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Magnitude of complex normal noise."""
    parts = np.random.default_rng(seed).normal(0, rms / np.sqrt(2), (2, *shape))
    return np.hypot(*parts)


def grey_of_magnitude(magnitude: np.ndarray, range_db: float) -> np.ndarray:
    """As scanners show it: grey 0 is ``range_db`` below grey 255, which is magnitude 1."""
    return np.rint(255 * np.clip(1 + 20 * np.log10(magnitude) / range_db, 0, 1)).astype(np.uint8)


def score(found, bubbles: np.ndarray) -> LocalisationScore:
    return score_localisations(np.column_stack([found.frame, found.x_px, found.y_px]), bubbles[:, :3], 2.0)


def spread_out() -> np.ndarray:
    """Four bubbles that never meet."""
    return paths([(12, 12), (50, 15), (14, 45), (50, 50)], [(0.6, 0.3), (-0.5, 0.4), (0.7, -0.2), (-0.4, -0.6)])


def test_isolated_bubbles_are_found_to_a_tenth_of_a_pixel():
    bubbles = spread_out()
    found = localise(noisy(drawn(bubbles, 30)))
    result = score(found, bubbles)
    assert result.jaccard == 1
    assert result.rmse_px < 0.1
    assert found.n_tracks == 4
    assert found.point_spread.sigma_x_px == pytest.approx(SIGMA_X, rel=0.1)
    assert found.point_spread.sigma_y_px == pytest.approx(SIGMA_Y, rel=0.1)
    first = found.track == 0
    assert np.hypot(found.velocity_x_px[first], found.velocity_y_px[first]).mean() == pytest.approx(0.65, abs=0.15)


def test_the_grey_scale_does_not_matter():
    bubbles = spread_out()
    frames = noisy(drawn(bubbles, 30))
    reference = localise(frames)
    for other in (frames / 255.0, frames.astype(np.uint16) * 200, frames.astype(np.float32) * 1e4):
        found = localise(other)
        assert len(found) == len(reference)
        np.testing.assert_allclose(found.x_px, reference.x_px, atol=0.05)


def test_two_bubbles_side_by_side_all_the_way_are_two():
    apart = paths([(12, 12), (50, 15), (14, 45)], [(0.6, 0.3), (-0.5, 0.4), (0.7, -0.2)])
    together = paths([(45, 45), (48, 46.2)], [(-0.8, -0.1), (-0.8, -0.1)])
    bubbles = np.concatenate([apart, together])
    result = score(localise(noisy(drawn(bubbles, 30))), bubbles)
    assert result.jaccard > 0.97
    assert result.rmse_px < 0.25


def test_bubbles_that_pass_through_each_other_are_followed():
    apart = spread_out()[:, :]
    passing = paths([(22, 30), (42, 31)], [(0.7, 0.0), (-0.7, 0.0)])
    bubbles = np.concatenate([apart, passing])
    result = score(localise(noisy(drawn(bubbles, 30))), bubbles)
    assert result.jaccard > 0.97
    assert result.rmse_px < 0.3


def test_a_saturated_bubble_is_no_two_bubbles():
    bubbles = spread_out()
    bubbles[bubbles[:, 1] < 32, 3] = 600.0  # far beyond the top of the grey scale
    image = noisy(drawn(bubbles, 30))
    assert (image == 255).sum() > 300
    result = score(localise(image), bubbles)
    assert result.precision > 0.97
    assert result.rmse_px < 0.15


def test_what_rests_is_no_bubble():
    still = np.array([(t, 32.0, 30.0, 200.0) for t in range(30)])
    bubbles = spread_out()
    found = localise(noisy(drawn(np.concatenate([bubbles, still]), 30)))
    assert score(found, bubbles).jaccard == 1


def test_the_fluctuation_map_drops_seeds_where_nothing_moves():
    """Without enough frames for a background, only the second decoupling tells a structure from a bubble."""
    still = np.array([(t, 32.0, 30.0, 200.0) for t in range(30)])
    moving = spread_out()
    frames = noisy(drawn(np.concatenate([moving, still]), 30))
    fluctuation = np.abs(decouple_time(decouple_space(frames), scales=3)).max(0)
    few = LocaliseOptions(DetectOptions(subpixel="centroid"), keep_untracked=True)
    near = [
        (np.hypot(found.x_px - 32, found.y_px - 30) < 2).sum()
        for found in (localise(frames[:6], few), localise(frames[:6], few, fluctuation))
    ]
    assert near == [6, 0]


def test_nothing_but_noise_gives_nothing_and_says_so():
    empty = np.zeros((20, 32, 32))
    pictures = [empty.astype(np.uint8), noisy(empty), noisy(empty, noise=20.0), np.zeros((1, 8, 8))]
    pictures += [grey_of_magnitude(rayleigh(0.05, (80, 64, 64)), range_db) for range_db in (36, 60)]
    for frames in pictures:
        found = localise(frames)
        assert len(found) == 0
        assert found.n_tracks == 0
    assert any("no peak stands out from the noise" in note for note in found.quality.notes())


def test_a_logarithmic_grey_scale_is_undone():
    """In 36 dB even noise 18 dB below the bubbles looks half as bright as they do."""
    bubbles = spread_out()
    bubbles[:, 3] = 0.5
    frames = grey_of_magnitude(np.hypot(drawn(bubbles, 30), rayleigh(0.06, (30, 64, 70))), 36)
    assert np.median(frames) > 60
    found = localise(frames)
    result = score(found, bubbles)
    assert result.jaccard > 0.97
    assert result.rmse_px < 0.2
    assert found.point_spread.sigma_x_px == pytest.approx(SIGMA_X, rel=0.15)  # tails drown in noise
    assert found.quality.range_db == pytest.approx(36 * float(np.ptp(frames)) / 255, rel=0.1)
    assert "logarithmic grey scale of about" in found.quality.notes()[0]


def test_a_single_frame_still_gives_positions():
    bubbles = spread_out()
    one = bubbles[bubbles[:, 0] == 0]
    found = localise(noisy(drawn(one, 1)), LocaliseOptions(keep_untracked=True))
    assert (found.track == -1).all()
    assert score(found, one).sensitivity == 1


def test_plain_options_find_isolated_bubbles_too():
    bubbles = spread_out()
    plain = LocaliseOptions(DetectOptions(seeds="intensity", subpixel="centroid"))
    result = score(localise(noisy(drawn(bubbles, 30)), plain), bubbles)
    assert result.jaccard > 0.99
    assert result.rmse_px < 0.4


def test_threads_do_not_change_the_answer():
    rng = np.random.default_rng(4)
    crowd = paths(rng.uniform(8, 56, (25, 2)).tolist(), rng.uniform(-0.7, 0.7, (25, 2)).tolist())
    frames = noisy(drawn(crowd, 30))
    one, two = localise(frames, threads=1), localise(frames, threads=3)
    np.testing.assert_array_equal(one.frame, two.frame)
    np.testing.assert_allclose(one.x_px, two.x_px, atol=1e-6)


def test_wrong_use_is_named():
    with pytest.raises(ValueError, match=r"shape \(N, rows, columns\)"):
        localise(np.zeros((8, 8)))
    with pytest.raises(ValueError, match="seeds 'space' is unknown; choose one of: decoupled, intensity"):
        DetectOptions(seeds="space")
    with pytest.raises(ValueError, match="min_relative_amplitude is at least 0"):
        DetectOptions(min_relative_amplitude=2)


def emitters(rows: list[tuple[float, ...]]) -> Emitters:
    frame, x, y, amplitude = np.array(rows, dtype=float).T
    n = len(rows)
    return Emitters(frame.astype(int), x, y, amplitude, np.full(n, SIGMA_X), np.full(n, SIGMA_Y))


def test_the_joint_fit_recovers_three_overlapping_bubbles():
    true = np.array([(0, 30.3, 30.1, 100.0), (0, 32.9, 31.2, 150.0), (0, 31.0, 33.4, 80.0)])
    image = PaddedFrames(drawn(true, 1).astype(np.float32), (7, 5))
    start = emitters([(0, 29.5, 29.5, 120), (0, 33.5, 31, 120), (0, 31, 34, 120)])
    found = fit_emitters(image, start, steps=60)
    np.testing.assert_allclose(np.column_stack([found.x_px, found.y_px]), true[:, 1:3], atol=0.05)
    np.testing.assert_allclose(found.amplitude, true[:, 3], rtol=0.05)
    assert np.abs(image.without(found)).max() < 5


def test_widths_are_measured_through_a_window_of_another_width():
    bubble = np.array([(0, 30.3, 30.1, 100.0)])
    image = PaddedFrames(drawn(bubble, 1).astype(np.float32), (9, 7))
    e = emitters([tuple(bubble[0])])
    wrong = Emitters(e.frame, e.x_px, e.y_px, e.amplitude, np.array([1.5]), np.array([1.6]))
    width_x, width_y = measured_widths(image, wrong)
    assert width_x[0] == pytest.approx(SIGMA_X, rel=0.02)
    assert width_y[0] == pytest.approx(SIGMA_Y, rel=0.02)
    assert isolated(emitters([(0, 10, 10, 1), (0, 12, 10, 1), (1, 11, 10, 1)])).tolist() == [False, False, True]


def test_survey_measures_noise_and_background():
    bubbles = spread_out()
    frames = drawn(bubbles, 30) + 40
    scene = survey((frames + np.random.default_rng(0).normal(0, 3, frames.shape)).astype(np.float32))
    assert scene.noise == pytest.approx(3, rel=0.1)
    assert np.median(scene.background) == pytest.approx(40, abs=1)
    assert scene.bright == pytest.approx(160, rel=0.25)


@pytest.mark.parametrize("n_frames", [8, 9, 16, 64])
def test_noise_is_measured_alike_in_short_and_long_clips(n_frames):
    frames = 40 + np.random.default_rng(0).normal(0, 3, (n_frames, 64, 70))
    assert survey(frames.astype(np.float32)).noise == pytest.approx(3, rel=0.15)


def test_a_pixel_that_bubbles_fill_most_of_the_time_keeps_its_background():
    """A queue of bubbles, 4 px apart, all along row 30: there the median over time is a bubble's grey value."""
    queue = np.array([
        (t, x, 30.0, 160.0) for t in range(64) for x in np.arange(-4 + (0.37 * t) % 4, 74, 4)
    ])  # fmt: skip
    frames = drawn(np.concatenate([queue, np.array(spread_out())]), 64) + 30
    frames = (frames + np.random.default_rng(0).normal(0, 3, frames.shape)).astype(np.float32)
    assert np.median(frames[:, 30], axis=0).mean() > 140
    off = survey(frames).background - 30
    assert np.abs(off[:24]).mean() < 2
    assert np.abs(off[38:]).mean() < 2


def test_the_width_of_bubbles_is_measured_in_a_crowd():
    rng = np.random.default_rng(3)
    crowd = np.column_stack([
        np.repeat(np.arange(60), 110), rng.uniform(0, 70, 6600), rng.uniform(0, 64, 6600), np.full(6600, 50.0)
    ])  # fmt: skip
    frames = drawn(crowd, 60) + rng.normal(0, 5, (60, 64, 70))
    spread = point_spread_of_crowds(frames.astype(np.float32))
    assert spread.sigma_x_px == pytest.approx(SIGMA_X, rel=0.15)  # tails drown in noise
    assert spread.sigma_y_px == pytest.approx(SIGMA_Y, rel=0.1)
    assert spread.n_examples == 0
    assert point_spread_of_crowds(np.zeros((4, 16, 16), np.float32)) == ASSUMED


def test_what_limits_the_pictures_is_told():
    crowded = PictureQuality(None, noise=2.0, floor=40.0, bright=100.0, brightest=200.0, isolated_bubbles=0)
    assert [note.split(";")[0] for note in crowded.notes()] == [
        "no isolated bubble was found",
        "noise hides bubbles below 40 % of a bright one (40 of 100 grey values)",
    ]
    doubtful = PictureQuality(None, noise=2.0, floor=60.0, bright=100.0, brightest=200.0, isolated_bubbles=9)
    assert "may be speckle that changes, not bubbles" in doubtful.notes()[0]
    assert PictureQuality(None, 1.0, 6.0, 100.0, 200.0, 9).notes() == ()


@pytest.mark.parametrize(
    ("name", "least_jaccard", "most_rmse_px"), [("dev_easy", 0.98, 0.15), ("dev_dense", 0.95, 0.30)]
)
def test_semisynthetic_figures(needs_shared, name, least_jaccard, most_rmse_px):
    """Asked for: 0.92 and 0.26 px (easy), 0.90 and 0.36 px (dense)."""
    folder = needs_shared("data/ceus/semisynthetic")
    frames = np.load(folder / f"{name}.npz")["frames"]
    true = np.loadtxt(folder / f"{name}_positions.csv", delimiter=",", skiprows=1)[:, [0, 2, 3]]
    found = localise(frames)
    result = score_localisations(np.column_stack([found.frame, found.x_px, found.y_px]), true, 2.0)
    assert result.jaccard >= least_jaccard
    assert result.rmse_px <= most_rmse_px
