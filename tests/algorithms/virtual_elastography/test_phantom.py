from __future__ import annotations

from dataclasses import fields

import cv2
import numpy as np
import pytest

from algorithms.virtual_elastography.colours import coloured
from algorithms.virtual_elastography.elastogram import shear_wave_softness, strain, strain_softness
from algorithms.virtual_elastography.lesions import LOOKS, MISLEADING, USUAL, paint_lesion
from algorithms.virtual_elastography.mechanics import Motion
from algorithms.virtual_elastography.organs import phantom
from algorithms.virtual_elastography.phantom import ORGANS, SCENES, Pair, PairOptions, random_pair, random_screen
from algorithms.virtual_elastography.tissue import Body, Material
from algorithms.virtual_elastography.view import linear_view


def _around(pair: Pair) -> np.ndarray:
    """A ring around the lesion, a 25th of the picture wide."""
    reach = pair.bmode.shape[0] // 25
    wider = cv2.dilate(pair.lesion.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return wider.astype(bool) & ~pair.lesion & pair.beam


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """Each scene with a stiff and a soft lesion, and one without."""
    made = []
    for number, organ in enumerate(SCENES):
        styles = ("strain", "shear_wave") if number % 2 else ("shear_wave", "strain")
        for lesion, style in zip(("stiff", "soft"), styles, strict=True):
            options = PairOptions(organ=organ, lesion=lesion, style=style)
            made.append(random_pair(np.random.default_rng([number, len(made)]), options))
    made.append(random_pair(np.random.default_rng(1), PairOptions(lesion="none")))
    return made


def test_the_same_state_gives_the_same_pair() -> None:
    first, second = (random_pair(np.random.default_rng(5)) for _ in range(2))
    for field in fields(Pair):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_pictures_have_the_stated_shapes_and_sizes(pairs: list[Pair]) -> None:
    for pair in pairs:
        rows, cols = pair.bmode.shape
        assert min(rows, cols) >= 200
        assert max(rows, cols) <= 900
        assert 0.05 <= pair.mm_per_px <= 0.25
        assert pair.elastogram.shape == (rows, cols, 3)
        assert (
            pair.softness.shape == pair.lesion.shape == pair.after.shape == pair.displacement_mm.shape == (rows, cols)
        )
        assert pair.softness.dtype == np.float32
        np.testing.assert_array_equal(pair.elastogram, coloured(pair.softness))
        assert (pair.bmode[~pair.beam] == 0).all()
        assert (pair.softness[~pair.beam] == 0.5).all()
        assert not pair.lesion[~pair.beam].any()


def test_stiff_lesions_are_bluer_and_soft_ones_redder_than_what_lies_around(pairs: list[Pair]) -> None:
    for pair in pairs:
        if pair.contrast == 0:
            assert not pair.lesion.any()
            assert (pair.look, pair.stiffness_ratio) == ("", 1.0)
            continue
        assert pair.lesion.sum() > 0.003 * pair.beam.sum()
        assert (pair.stiffness_ratio > 1) == (pair.contrast > 0)
        difference = pair.softness[pair.lesion].mean() - pair.softness[_around(pair)].mean()
        assert difference * pair.contrast < -0.02, (pair.organ, pair.style, pair.look, pair.stiffness_ratio)


def test_most_of_a_picture_is_medium(pairs: list[Pair]) -> None:
    medium = [((pair.softness[pair.beam] > 1 / 3) & (pair.softness[pair.beam] < 2 / 3)).mean() for pair in pairs]
    assert np.mean(medium) > 0.55


def test_tissue_comes_towards_the_probe_the_more_the_deeper(pairs: list[Pair]) -> None:
    for pair in pairs:
        if not pair.view.convex:
            depth = pair.displacement_mm.mean(1)
            assert abs(depth[0]) < 0.1 * abs(depth[-1])
            assert depth[-1] == pytest.approx(-pair.press.travel * pair.view.depth_mm, rel=0.4)
            assert np.corrcoef(depth, np.arange(len(depth)))[0, 1] < -0.9


def test_the_look_tells_the_stiffness_but_for_a_stated_share() -> None:
    assert MISLEADING <= 0.03
    view, rng = linear_view(300, 300, 0.12), np.random.default_rng(2)
    body = Body(view, Material(1.0, 0.0), rng)
    host = phantom(body, rng)
    looks = []
    for _ in range(60):
        looks.append(paint_lesion(body, host, "thyroid", "stiff", rng).look in LOOKS["soft"])
        body.echo_db[:], body.stiffness[:], body.attenuation[:] = 0, 1, 0
    assert np.mean(looks) <= 0.06
    assert all(look in LOOKS[side] for scene in USUAL.values() for side, names in scene.items() for look in names)


def test_dark_discs_are_dark_cysts_black_and_fat_bright() -> None:
    view = linear_view(300, 300, 0.12)
    for seed, (contrast, look, low, high) in enumerate(
        [("stiff", "dark_disc", -17, -4), ("soft", "cyst", -47, -20), ("soft", "bright", 2, 10)]
    ):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            body = Body(view, Material(1.0, 0.0, grain_db=0.0), rng)
            lesion = paint_lesion(body, phantom(body, rng), "phantom", contrast, rng)
            if lesion.look == look:
                break
        deep = body.lesion_mm > 0.5 * body.lesion_mm.max()
        around = (body.lesion_mm < -2) & (body.lesion_mm > -4)
        assert low < np.median(body.echo_db[deep]) - np.median(body.echo_db[around]) < high
        assert body.stiffness[deep].mean() / body.stiffness[around].mean() == pytest.approx(lesion.ratio, rel=0.15)


def test_half_of_all_pairs_are_phantoms_and_some_have_no_lesion() -> None:
    organs, contrasts = [], []
    for seed in range(14):
        pair = random_pair(np.random.default_rng([9, seed]))
        organs.append(pair.organ)
        contrasts.append(pair.contrast)
    assert 3 <= organs.count("phantom") <= 11
    assert set(organs) - {"phantom"} <= set(ORGANS)
    assert set(contrasts) == {-1, 0, 1}


def test_the_strain_estimator_finds_an_even_strain_to_the_edges() -> None:
    view = linear_view(400, 300, 0.1)
    axial_mm = np.repeat(np.linspace(0.5, 0.1, 57, dtype=np.float32)[:, None], 49, axis=1)
    np.testing.assert_allclose(strain(Motion(axial_mm, 0 * axial_mm), view, 2.5), 0.4 / 40, rtol=0.01)


def test_a_step_of_strain_is_as_wide_as_the_window() -> None:
    view = linear_view(400, 300, 0.1)
    depth = np.linspace(0, 1, 57, dtype=np.float32)
    axial_mm = np.repeat(np.where(depth < 0.5, -0.8 * depth, -0.4 - 0.2 * (depth - 0.5))[:, None], 49, axis=1)
    found = strain(Motion(axial_mm, 0 * axial_mm), view, 4.0)[:, 90]
    rise = np.flatnonzero((found < 0.018) & (found > 0.007))
    assert found[40] == pytest.approx(0.02, rel=0.02)
    assert found[-40] == pytest.approx(0.005, rel=0.02)
    assert 2.0 < len(rise) * 40 / 224 < 5.0


def test_display_is_relative_to_the_picture() -> None:
    view = linear_view(400, 300, 0.1)
    strains = np.random.default_rng(0).uniform(0.5, 1.5, (60, 50))
    np.testing.assert_allclose(strain_softness(strains, view), strain_softness(7 * strains, view), rtol=1e-5)
    assert strain_softness(np.ones((60, 50)), view) == pytest.approx(0.5)
    stiffness = np.ones((60, 50), np.float32)
    stiffness[20:40, 15:35] = 4
    softness = shear_wave_softness(stiffness, view, 0.5)
    assert softness[0, 0] == pytest.approx(0.5)
    assert softness[30, 25] == pytest.approx(1 / (1 + 4**1.5), rel=0.01)
    np.testing.assert_allclose(softness, shear_wave_softness(3 * stiffness, view, 0.5), rtol=1e-4)


def test_a_screen_holds_the_picture_unchanged_at_its_region() -> None:
    screen = random_screen(np.random.default_rng(4), PairOptions(organ="thyroid"))
    x0, y0, x1, y1 = screen.region_px
    region = screen.rgb[y0 : y1 + 1, x0 : x1 + 1]
    np.testing.assert_array_equal(region, np.repeat(screen.pair.bmode[..., None], 3, axis=2))
    margins = screen.rgb.astype(int)
    margins[y0 : y1 + 1, x0 : x1 + 1] = 0
    assert margins.max() > 150
    assert np.median(screen.rgb[:y0]) < 20
    again = random_screen(np.random.default_rng(4), PairOptions(organ="thyroid"))
    np.testing.assert_array_equal(screen.rgb, again.rgb)


@pytest.mark.parametrize("wrong", [{"organ": "heart"}, {"style": "b_mode"}, {"lesion": "hard"}])
def test_unknown_options_are_refused_by_name(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be one of"):
        PairOptions(**wrong)
