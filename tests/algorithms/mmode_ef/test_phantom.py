"""The M-mode simulator: its truth against hand calculation, its pictures against its truth, the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.mmode_ef.phantom import KINDS, LAYOUTS, NOISE_LEVELS, Screen, ScreenOptions, random_screen, random_strip
from dicom_node.series import RegionData, RegionFormat, RegionUnit

LENGTHS = {
    "ivsd_mm": ("ed_upper_outer", "ed_upper_inner"),
    "lvidd_mm": ("ed_upper_inner", "ed_lower_inner"),
    "lvpwd_mm": ("ed_lower_inner", "ed_lower_outer"),
    "ivss_mm": ("es_upper_outer", "es_upper_inner"),
    "lvids_mm": ("es_upper_inner", "es_lower_inner"),
    "lvpws_mm": ("es_lower_inner", "es_lower_outer"),
}


@pytest.fixture(scope="module")
def screens() -> list[Screen]:
    """Three screens of each layout, each noise level among them."""
    return [
        random_screen(np.random.default_rng([i, n]), "lv", ScreenOptions(layouts=(name,), noise_levels=(level,)))
        for i, name in enumerate(LAYOUTS)
        for n, level in enumerate(NOISE_LEVELS)
    ]


def complete(screen: Screen) -> list:
    return [cycle for cycle in screen.cycles if cycle.complete]


def test_lengths_are_the_distances_between_the_points(screens: list[Screen]) -> None:
    for screen in screens:
        for cycle in complete(screen):
            for name, (upper, lower) in LENGTHS.items():
                distance_px = cycle.points_px[lower][1] - cycle.points_px[upper][1]
                assert distance_px * screen.mm_per_px == pytest.approx(cycle.values[name], abs=1e-6), name


def test_volumes_are_teichholz_of_the_lengths_by_hand(screens: list[Screen]) -> None:
    for cycle in complete(screens[0]):
        d_cm, s_cm = cycle.values["lvidd_mm"] / 10, cycle.values["lvids_mm"] / 10
        edv, esv = (7 / (2.4 + d)) * d * d * d if (d := d_cm) else 0, (7 / (2.4 + s_cm)) * s_cm**3
        assert cycle.values["edv_ml"] == pytest.approx(edv)
        assert cycle.values["esv_ml"] == pytest.approx(esv)
        assert cycle.values["ef_percent"] == pytest.approx(100 * (1 - esv / edv))


def test_points_lie_in_their_box_and_the_box_in_the_region(screens: list[Screen]) -> None:
    for screen in screens:
        region = screen.regions[0]
        for cycle in screen.cycles:
            x0, y0, x1, y1 = cycle.box_px
            assert region.x0 <= x0 < x1 <= region.x1
            assert region.y0 <= y0 < y1 <= region.y1
            for x, y in cycle.points_px.values():
                assert x0 <= x <= x1
                assert y0 - 1e-6 <= y <= y1 + 1e-6


def test_end_diastole_is_the_first_column_and_end_systole_is_later_within_the_first_half(screens: list[Screen]) -> None:
    for screen in screens:
        for cycle in complete(screen):
            x0, _, x1, _ = cycle.box_px
            assert cycle.points_px["ed_upper_inner"][0] == pytest.approx(x0)
            assert x0 + 0.15 * (x1 - x0) < cycle.points_px["es_upper_inner"][0] <= x0 + 0.56 * (x1 - x0)


def test_a_complete_cycle_has_eight_points_and_a_piece_has_those_it_shows(screens: list[Screen]) -> None:
    pieces = [cycle for screen in screens for cycle in screen.cycles if not cycle.complete]
    assert pieces
    assert all(len(cycle.points_px) == 8 for screen in screens for cycle in complete(screen))
    assert {len(cycle.points_px) for cycle in pieces} <= {0, 4, 8}
    assert any(len(cycle.points_px) < 8 for cycle in pieces)


def test_every_lv_screen_shows_a_whole_cycle(screens: list[Screen]) -> None:
    assert all(complete(screen) for screen in screens)


def test_the_rate_is_the_width_of_the_cycles(screens: list[Screen]) -> None:
    for screen in screens:
        widths_s = [(c.box_px[2] - c.box_px[0]) * screen.seconds_per_px for c in complete(screen) if not c.ectopic]
        if len(widths_s) >= 3:
            assert 60 / np.median(widths_s) == pytest.approx(screen.heart_rate_bpm, rel=0.08)


def test_regions_name_the_strip_and_its_scale(screens: list[Screen]) -> None:
    for screen in screens:
        rows, columns, _ = screen.image.shape
        m_mode = [region for region in screen.regions if region.format is RegionFormat.M_MODE]
        assert len(m_mode) == 1
        assert (m_mode[0].unit_x, m_mode[0].unit_y) == (RegionUnit.SECOND, RegionUnit.CENTIMETRE)
        assert m_mode[0].delta_x == screen.seconds_per_px
        assert m_mode[0].delta_y * 10 == pytest.approx(screen.mm_per_px)
        for region in screen.regions:
            assert 0 <= region.x0 < region.x1 < columns
            assert 0 <= region.y0 < region.y1 < rows


def test_depth_speed_and_sizes_are_those_of_scanners(screens: list[Screen]) -> None:
    for screen in screens:
        region = screen.regions[0]
        assert 80 - 1e-6 <= region.rows * screen.mm_per_px <= 240 + 1e-6
        assert 20 / 1000 <= region.columns * screen.seconds_per_px <= 20
        assert screen.image.dtype == np.uint8
        assert screen.image.shape[:2] in {(768, 1024), (480, 640), (600, 800), (960, 1280), (576, 720)}
        assert all(4 < cycle.values[name] < 90 for cycle in screen.cycles for name in LENGTHS)


def test_the_same_generator_state_gives_the_same_screen() -> None:
    first, again = (random_screen(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.image, again.image)
    assert first.cycles == again.cycles
    assert not np.array_equal(first.image, random_screen(np.random.default_rng(6)).image)


def test_options_bound_what_is_drawn() -> None:
    options = ScreenOptions(heart_rate_bpm=(150, 160), ef_percent=(30, 35), noise_levels=("high",), depth_mm=(80, 240))
    for seed in range(4):
        screen = random_screen(np.random.default_rng(seed), "lv", options)
        assert screen.noise == "high"
        assert screen.heart_rate_bpm == pytest.approx(155, rel=0.08)
        assert screen.values["ef_percent"] == pytest.approx(32.5, abs=5)


def test_an_unknown_kind_or_layout_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="got 'tricuspid'"):
        random_screen(np.random.default_rng(0), "tricuspid")
    with pytest.raises(ValueError, match="got 'portable'"):
        random_screen(np.random.default_rng(0), "lv", ScreenOptions(layouts=("portable",)))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "lv"])
def test_other_kinds_have_pictures_and_no_cycles(kind: str) -> None:
    screen = random_screen(np.random.default_rng(3), kind)
    strip = random_strip(np.random.default_rng(3), kind)
    assert screen.cycles == strip.cycles == ()
    assert screen.values == strip.values == {}
    assert screen.image.std() > 5
    assert strip.grey.std() > 5
    m_mode = [region for region in screen.regions if region.format is RegionFormat.M_MODE]
    assert len(m_mode) == (0 if kind == "none" else 1)


def test_a_spectrum_is_never_called_m_mode() -> None:
    for seed in range(8):
        for region in random_screen(np.random.default_rng(seed), "none").regions:
            assert region.format is not RegionFormat.M_MODE
            assert (region.format is RegionFormat.SPECTRAL) == (region.data is RegionData.PW_DOPPLER)


def test_a_strip_has_its_truth_in_its_own_pixels() -> None:
    strip = random_strip(np.random.default_rng(8))
    rows, columns = strip.grey.shape
    for cycle in strip.cycles:
        assert 0 <= cycle.box_px[0] < cycle.box_px[2] <= columns - 1
        assert 0 <= cycle.box_px[1] < cycle.box_px[3] <= rows - 1


def test_tissue_begins_at_the_points() -> None:
    """Cavity above and wall below the posterior wall's inner point, over many strips: the edge is where truth says."""
    steps = []
    for seed in range(25):
        strip = random_strip(
            np.random.default_rng([77, seed]), "lv", ScreenOptions(noise_levels=("low",), calliper_chance=0)
        )
        for cycle in strip.cycles:
            for name in ("ed_lower_inner", "es_lower_inner"):
                if name in cycle.points_px:
                    x, y = (round(v) for v in cycle.points_px[name])
                    column = strip.grey[y - 6 : y + 7, max(x - 2, 0) : x + 3].astype(float).mean(axis=1)
                    steps.append(column)
    profile = np.mean(steps, axis=0)
    assert abs(int(np.argmax(np.diff(profile))) - 5.5) <= 1.5
    assert profile[8:].mean() > profile[:5].mean() + 20
