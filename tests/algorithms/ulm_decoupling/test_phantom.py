"""The simulator against hand calculations: what it says is true must be true."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest

from algorithms.ulm_decoupling import vessels
from algorithms.ulm_decoupling.bubbles import flow_bubbles, flow_weighted_radius
from algorithms.ulm_decoupling.imaging import Display, PointSpread, bubble_echoes
from algorithms.ulm_decoupling.phantom import (
    Echoes,
    Motion,
    PhantomOptions,
    simulate,
    simulate_b_mode,
    write_truth_csv,
)
from algorithms.ulm_decoupling.vessels import Vessel, VesselNetwork, VesselOptions

SILENT = Echoes(snr_db=200.0, tissue_db=-200.0, bubble_spread_db=0.0, flicker_db=0.0)
LINEAR = Display(dynamic_range_db=None, headroom_db=0.0)


def straight(radius_mm: float = 0.1, mean_speed_mm_s: float = 5.0, length_mm: float = 10.0) -> VesselNetwork:
    """One horizontal vessel at a depth of 5 mm, flow to the right."""
    x = np.linspace(1.0, 1.0 + length_mm, 201)
    line = np.column_stack([x, np.full_like(x, 5.0)])
    return VesselNetwork((Vessel(None, radius_mm, mean_speed_mm_s * math.pi * radius_mm**2, line),))


def grown(seed: int = 5) -> VesselNetwork:
    return vessels.grow(VesselOptions(), (12.7, 12.7), np.random.default_rng(seed))


def test_branchings_obey_murrays_law_and_conserve_flow():
    network = grown()
    branchings = [(i, network.children(i)) for i in range(len(network.vessels)) if network.children(i)]
    assert len(branchings) > 10
    for parent, children in branchings:
        assert len(children) == 2
        parent, children = network.vessels[parent], [network.vessels[i] for i in children]
        assert sum(c.radius_mm**3 for c in children) == pytest.approx(parent.radius_mm**3)
        assert sum(c.flow_mm3_s for c in children) == pytest.approx(parent.flow_mm3_s)
        for child in children:
            np.testing.assert_array_equal(child.centre_line_mm[0], parent.centre_line_mm[-1])


def test_what_flows_in_at_the_roots_flows_out_at_the_leaves():
    network = grown()
    inflow = sum(vessel.flow_mm3_s for vessel in network.vessels if vessel.parent is None)
    outflow = sum(network.vessels[leaf].flow_mm3_s for leaf in network.leaves())
    assert outflow == pytest.approx(inflow)


def test_speed_falls_in_proportion_to_radius():
    tree = [v for v in grown().vessels if v.radius_mm <= 0.2]
    root = tree[0]
    for vessel in tree[1:5]:
        assert vessel.mean_speed_mm_s / root.mean_speed_mm_s == pytest.approx(
            vessel.radius_mm / root.radius_mm, rel=1e-9
        )


def test_equal_daughters_leave_at_37_5_degrees():
    daughter = 2 ** (-1 / 3)  # hand calculation: cos = 1 / (2 daughter^2) = 2^(-1/3)
    angles = vessels.murray_angles(1.0, daughter, daughter)
    assert np.degrees(angles) == pytest.approx([37.467, 37.467], abs=0.01)


def test_vessels_stay_in_the_field_and_cross():
    network = grown()
    for vessel in network.vessels:
        if vessel.parent is not None:
            assert (vessel.centre_line_mm >= -0.1).all()
            assert (vessel.centre_line_mm <= 12.8).all()
    mask = vessels.vessel_mask(network, (128, 128), 0.1, 4)
    single = sum(vessels.vessel_mask(VesselNetwork((v,)), (128, 128), 0.1, 4).sum() for v in network.vessels)
    assert mask.sum() < 0.97 * single


def test_a_pair_lies_as_far_apart_as_asked_and_flows_both_ways():
    options = VesselOptions(trees=0, pair_separations_mm=(0.25,))
    artery, vein = vessels.grow(options, (12.7, 12.7), np.random.default_rng(1)).vessels
    distance = np.hypot(*(artery.centre_line_mm - vein.centre_line_mm[::-1]).T)
    assert distance == pytest.approx(0.25)
    assert artery.centre_line_mm[-1, 0] > artery.centre_line_mm[0, 0]
    assert vein.centre_line_mm[-1, 0] < vein.centre_line_mm[0, 0]


def test_the_mask_has_the_vessels_area():
    mask = vessels.vessel_mask(straight(radius_mm=0.2), (128, 128), 0.1, 8)
    area_mm2 = mask.sum() * (0.1 / 8) ** 2
    assert area_mm2 == pytest.approx(10.0 * 0.4 + math.pi * 0.2**2, rel=0.02)
    rows = np.nonzero(mask.any(1))[0]
    assert (rows.min() + rows.max() + 1) / 2 / 8 - 0.5 == pytest.approx(50.0, abs=0.07)


def test_a_bubble_moves_by_speed_times_frame_time():
    truth = flow_bubbles(straight(), 40, 50, 0.02, 0.1, np.random.default_rng(3))
    checked = 0
    for track in np.unique(truth.track):
        mine = truth.select(truth.track == track)
        if len(mine) < 3:
            continue
        speed = mine.speed_mm_s[0]
        assert 0 < speed < 2 * 5.0
        assert np.diff(mine.x_px) == pytest.approx(speed * 0.02 / 0.1)
        assert np.ptp(mine.y_px) == pytest.approx(0)
        offset_mm = abs(mine.y_px[0] - 50.0) * 0.1
        assert speed <= 2 * 5.0 * (1 - (offset_mm / 0.1) ** 2) + 1e-9  # no faster than the profile allows there
        checked += 1
    assert checked > 20


def test_flow_carries_bubbles_in_by_poiseuilles_profile():
    # Hand calculation over the whole cross-section: density 4r(1-r^2), so the mean of 2(1-r^2) is 4/3.
    uniform = (np.arange(100_000) + 0.5) / 100_000
    radius = flow_weighted_radius(uniform, reach=1.0)
    assert np.mean(2 * (1 - radius**2)) == pytest.approx(4 / 3, abs=1e-4)
    assert flow_weighted_radius(uniform).max() < 0.95


def test_bubbles_choose_branches_by_flow():
    trunk = Vessel(None, 0.2, 1.0, np.array([[0.0, 5.0], [5.0, 5.0]]))
    minor = Vessel(0, 0.2 * 0.25 ** (1 / 3), 0.25, np.array([[5.0, 5.0], [10.0, 2.0]]))
    major = Vessel(0, 0.2 * 0.75 ** (1 / 3), 0.75, np.array([[5.0, 5.0], [10.0, 8.0]]))
    network = VesselNetwork((trunk, minor, major))
    truth = flow_bubbles(network, 120, 400, 0.02, 0.1, np.random.default_rng(8))
    last = truth.select(truth.vessel > 0)
    into_minor = len(np.unique(last.track[last.vessel == 1]))
    entered = len(np.unique(last.track))
    assert entered > 500
    assert abs(into_minor - 0.25 * entered) < 4 * math.sqrt(entered * 0.25 * 0.75)


def test_the_concentration_is_the_one_asked_for():
    for asked in (0.1, 1.0):
        options = PhantomOptions(frames=1, bubbles_per_mm2=asked, echoes=SILENT)
        counts = [len(simulate(replace(options, seed=seed), straight()).truth) for seed in range(60)]
        wanted = asked * 12.8**2
        # Independent Poisson counts: the mean of 60 lies within 4 standard errors.
        assert abs(np.mean(counts) - wanted) < 4 * math.sqrt(wanted / 60)


@pytest.mark.parametrize(("depth_mm", "growth"), [(7.0, 1.0), (17.0, math.sqrt(2))])
def test_the_point_spread_has_its_widths(depth_mm, growth):
    psf = PointSpread(lateral_fwhm_mm=0.5, axial_fwhm_mm=0.3, focus_mm=7.0, focal_range_mm=10.0)
    x, y = 64.0, depth_mm / 0.1
    picture = np.abs(bubble_echoes(np.array([x]), np.array([y]), np.array([1.0 + 0j]), (256, 128), 0.1, psf))
    assert picture.max() == pytest.approx(1.0, abs=1e-3)
    assert _width(picture[round(y)]) * 0.1 == pytest.approx(0.5 * growth, rel=0.03)
    assert _width(picture[:, 64]) * 0.1 == pytest.approx(0.3, rel=0.03)


def test_a_bubbles_picture_is_centred_on_its_position():
    picture = np.abs(
        bubble_echoes(np.array([40.3]), np.array([51.7]), np.array([2.0 + 0j]), (100, 90), 0.1, PointSpread())
    )
    y, x = np.indices(picture.shape)
    assert (x * picture).sum() / picture.sum() == pytest.approx(40.3, abs=1e-3)
    assert (y * picture).sum() / picture.sum() == pytest.approx(51.7, abs=1e-3)


def test_bubbles_in_opposite_phase_cancel():
    position = np.array([30.0, 30.0])
    picture = bubble_echoes(position, position, np.array([1.0, -1.0 + 0j]), (60, 60), 0.1, PointSpread())
    assert np.abs(picture).max() < 1e-6


def test_the_noise_has_the_level_asked_for():
    display = Display(dynamic_range_db=None, headroom_db=0.0)
    options = PhantomOptions(frames=20, bubbles_per_mm2=0, echoes=replace(SILENT, snr_db=14.0), display=display)
    grey = simulate(options, straight()).frames.astype(float) / 255
    assert -20 * np.log10(math.sqrt(np.mean(grey**2))) == pytest.approx(14.0, abs=0.1)


def test_left_over_tissue_has_the_level_asked_for_and_moves():
    echoes = replace(SILENT, tissue_db=-20.0, tissue_period_frames=1e9)
    motion = Motion(drift_mm_s=(5.0, 0.0))  # one pixel per frame
    options = PhantomOptions(frames=4, bubbles_per_mm2=0, echoes=echoes, motion=motion, display=LINEAR)
    frames = simulate(options, straight()).frames.astype(float)
    assert 20 * np.log10(math.sqrt(np.mean((frames / 255) ** 2))) == pytest.approx(-20.0, abs=0.5)
    np.testing.assert_allclose(frames[3][:, 3:], frames[0][:, :-3], atol=1.01)


def test_truth_follows_the_tissue():
    motion = Motion((0.5, -0.25), (0.1, 0.2), 3.0, (0.05, 0.0), 0.8)
    still = simulate(PhantomOptions(frames=30, echoes=SILENT))
    moved = simulate(PhantomOptions(frames=30, echoes=SILENT, motion=motion))
    time = 29 * 0.02
    x_mm = 0.5 * time + 0.1 * math.sin(2 * math.pi * time / 3) + 0.05 * math.sin(2 * math.pi * time / 0.8)
    y_mm = -0.25 * time + 0.2 * math.sin(2 * math.pi * time / 3)
    assert moved.motion_px[29] == pytest.approx([x_mm / 0.1, y_mm / 0.1])
    assert moved.motion_px[0] == pytest.approx([0, 0])
    a, b = (p.truth.select(p.truth.frame == 29) for p in (still, moved))
    common, in_a, in_b = np.intersect1d(a.track, b.track, return_indices=True)
    assert len(common) > 10
    assert b.x_px[in_b] - a.x_px[in_a] == pytest.approx(x_mm / 0.1)
    assert b.y_px[in_b] - a.y_px[in_a] == pytest.approx(y_mm / 0.1)


def test_lone_bubbles_are_bright_where_truth_says():
    phantom = simulate(PhantomOptions(frames=40, bubbles_per_mm2=0.03, seed=4))
    truth = phantom.truth
    assert len(truth) > 50
    grey = phantom.frames[truth.frame, np.rint(truth.y_px).astype(int), np.rint(truth.x_px).astype(int)]
    assert np.median(grey) > 150
    assert np.median(phantom.frames) < 40


def test_grey_values_by_hand():
    display = Display(dynamic_range_db=40.0, headroom_db=10.0)
    magnitudes = np.array([0.0, 10 ** (-30 / 20), 10 ** (-10 / 20), 10 ** (10 / 20), 100.0])
    np.testing.assert_array_equal(display.grey(magnitudes), [0, 0, 128, 255, 255])
    np.testing.assert_array_equal(LINEAR.grey(np.array([0.0, 0.2, 1.0, 3.0])), [0, 51, 255, 255])


def test_the_same_options_give_the_same_bytes():
    options = PhantomOptions(frames=5)
    first, second = simulate(options), simulate(options)
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(first.truth.x_px, second.truth.x_px)
    assert (simulate(replace(options, seed=2)).frames != first.frames).any()


def test_noise_and_vessels_have_independent_chance():
    quiet = simulate(PhantomOptions(frames=5, echoes=replace(Echoes(), snr_db=40.0)))
    loud = simulate(PhantomOptions(frames=5))
    np.testing.assert_array_equal(quiet.truth.x_px, loud.truth.x_px)


def test_tracks_are_numbered_without_gaps_and_last():
    truth = simulate(PhantomOptions(frames=50, echoes=SILENT)).truth
    assert truth.frame.dtype.kind == "i"
    order = np.lexsort((truth.track, truth.frame))
    np.testing.assert_array_equal(order, np.arange(len(truth)))
    assert max(np.bincount(truth.track)) > 20


def test_b_mode_shows_tissue_with_dark_vessels():
    phantom = simulate(PhantomOptions(frames=3))
    b_mode = simulate_b_mode(phantom)
    assert b_mode.shape == phantom.frames.shape
    big = vessels.vessel_mask(
        VesselNetwork(tuple(v for v in phantom.network.vessels if v.radius_mm > 0.15)), (128, 128), 0.1, 1
    )
    assert b_mode[0][big].mean() < 0.8 * b_mode[0][~phantom.vessel_mask(1)].mean()


def test_truth_is_written_as_the_public_csvs_are(tmp_path):
    truth = simulate(PhantomOptions(frames=3)).truth
    write_truth_csv(tmp_path / "truth.csv", truth)
    with (tmp_path / "truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["frame", "track", "x_px", "y_px", "amplitude"]
    assert len(rows) == len(truth)
    assert float(rows[-1]["x_px"]) == pytest.approx(truth.x_px[-1], abs=5e-4)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: PhantomOptions(frames=0), "got 0 of 128 x 128"),
        (lambda: PhantomOptions(spacing_mm=0), "spacing_mm must be above 0; got 0"),
        (lambda: PhantomOptions(bubbles_per_mm2=-1), "0 or more; got -1"),
        (lambda: PhantomOptions(motion=Motion(drift_mm_s=(10, 0))), "24 px at most"),
        (lambda: VesselOptions(trees=0, pair_separations_mm=()), "has no vessel"),
        (lambda: VesselOptions(root_radius_mm=0), "root_radius_mm must be above 0"),
        (lambda: PointSpread(wavelength_mm=0), "wavelength_mm must be above 0"),
        (lambda: Display(dynamic_range_db=-3), "dynamic_range_db must be above 0"),
    ],
)
def test_impossible_options_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()


def _width(profile: np.ndarray) -> float:
    """Full width at half maximum in pixels, between linearly interpolated crossings."""
    half = profile.max() / 2
    above = np.nonzero(profile >= half)[0]
    left, right = above[0], above[-1]
    start = left - (profile[left] - half) / (profile[left] - profile[left - 1])
    end = right + (profile[right] - half) / (profile[right] - profile[right + 1])
    return float(end - start)
