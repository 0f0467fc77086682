"""The way from pictures to masks and numbers, with networks whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from algorithms.lv_quantification.estimate import Estimator
from algorithms.lv_quantification.indices import indices_of
from dicom_node.series import Spacing

SPACING = Spacing(1.4, 1.4)
CENTRE = (60.0, 44.0)
SHAPE = (96, 112)


def disc(radius_mm, spacing=SPACING, centre_px=CENTRE, shape=SHAPE):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.hypot((x - centre_px[0]) * spacing.column_mm, (y - centre_px[1]) * spacing.row_mm) < radius_mm


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.fixture
def beating(three_greys):
    """(8, 96, 112) one slice: inner radius 24 ... 17 mm, outer 33 ... 28 mm."""
    return np.stack([three_greys(24.0 - frame, 33.0 - 0.7 * frame) for frame in range(8)])


@pytest.fixture
def spoilt(grey_seers):
    """A function: what to do to the logits of the masks -> models whose index networks see right but for that."""

    @dataclass(frozen=True)
    class Spoilt:
        inner: object
        change: Callable

        @property
        def info(self):
            return self.inner.info

        def run(self, inputs):
            given = self.inner.run(inputs)
            if "masks" in given:
                self.change(given["masks"])
            return given

    class Models(grey_seers):
        def open(self, name):
            return Spoilt(super(type(self), self).open(name), self.change)

    def make(change):
        Models.change = staticmethod(change)
        return Models()

    return make


@pytest.mark.parametrize("spacing", [SPACING, Spacing(1.0, 1.7)])
@pytest.mark.parametrize("anchor", [0.0, 75.0])
def test_masks_and_numbers_of_a_ring(three_greys, grey_seers, spacing, anchor):
    frames = three_greys(22.0, 31.0, (50.0, 61.0), (120, 96), spacing)[None]
    (found,) = Estimator(grey_seers()).estimate([frames], spacing, anchor)
    assert found.found
    assert found.confidence > 0.9
    assert found.centre_px == pytest.approx((50.0, 61.0), abs=1.0)
    where = {"spacing": spacing, "centre_px": (50.0, 61.0), "shape": (120, 96)}
    assert dice(found.cavity[0], disc(22.0, **where)) > 0.97
    assert dice(found.cavity[0] | found.myocardium[0], disc(31.0, **where)) > 0.97
    assert not (found.cavity & found.myocardium).any()
    for numbers in (found.measured[0], found.regressed[0]):
        assert numbers[0] == pytest.approx(np.pi * 22**2, rel=0.05)
        assert numbers[1] == pytest.approx(np.pi * (31**2 - 22**2), rel=0.08)
        assert numbers[2:5] == pytest.approx(44.0, abs=1.5)
        assert numbers[5:] == pytest.approx(9.0, abs=1.0)


@pytest.mark.parametrize("anchor", [0.0, 60.0, -120.0])
def test_networks_see_the_anatomy_in_the_standard_display(three_greys, grey_seers, anchor):
    """The cavity hangs towards 90 degrees + anchor: it is thinnest in the anterior sector, by both measurements."""
    outer = three_greys(1.0, 34.0)
    towards = np.deg2rad(90.0 + anchor)
    centre = (CENTRE[0] + 6.0 / 1.4 * np.cos(towards), CENTRE[1] - 6.0 / 1.4 * np.sin(towards))
    inner = three_greys(20.0, 20.0, centre)
    picture = np.where(inner > 500, 900, np.where(outer > 200, 300, 100)).astype(np.uint16)
    (found,) = Estimator(grey_seers()).estimate([picture[None]], SPACING, anchor)
    truth = indices_of(inner > 500, (outer > 200) & (inner <= 500), SPACING, anchor)
    assert np.argmin(truth[5:]) == 1
    assert found.measured[0, 5:] == pytest.approx(truth[5:], abs=1.0)
    assert found.regressed[0, 5:] == pytest.approx(truth[5:], abs=1.0)


def test_five_networks_are_averaged_and_their_spread_is_told(beating, grey_seers):
    """Factors 0.9 ... 1.1: their mean is 1, their standard deviation 0.0707."""
    (plain,) = Estimator(grey_seers()).estimate([beating], SPACING)
    (found,) = Estimator(grey_seers(factors=(0.9, 0.95, 1.0, 1.05, 1.1))).estimate([beating], SPACING)
    assert found.regressed == pytest.approx(plain.regressed, rel=1e-4)
    assert found.spread == pytest.approx(plain.regressed * np.sqrt(0.005), rel=1e-3)
    assert plain.spread == pytest.approx(0.0, abs=1e-6)
    assert found.measured == pytest.approx(plain.measured)


def test_only_the_networks_that_are_asked_are_opened(beating, grey_seers):
    models = grey_seers(factors=(0.5, 0.5, 2.0, 0.5, 0.5))
    estimator = Estimator(models, (3,))
    assert models.asked == ["finder_3", "dla_3"]
    assert [info.name for info in estimator.infos] == ["finder_3", "dla_3"]
    (found,) = estimator.estimate([beating], SPACING)
    assert found.regressed[:, 0] == pytest.approx(2.0 * found.measured[:, 0], rel=0.05)
    assert (found.spread == 0.0).all()
    assert len(Estimator(grey_seers()).infos) == 10


def test_more_frames_than_a_batch(three_greys, grey_seers):
    radii = np.linspace(25.0, 18.0, 25)
    frames = np.stack([three_greys(radius, radius + 9.0) for radius in radii])
    (found,) = Estimator(grey_seers()).estimate([frames], SPACING)
    assert found.regressed[:, 0] == pytest.approx(np.pi * radii**2, rel=0.06)
    assert found.measured[:, 0] == pytest.approx(np.pi * radii**2, rel=0.06)


def test_nothing_in_sight(beating, grey_seers):
    empty = np.full((8, *SHAPE), 100, np.uint16)
    second, first = Estimator(grey_seers()).estimate([empty, beating], SPACING)  # above the base
    assert first.found
    assert not second.found
    assert "no left ventricle in sight" in second.reason
    assert second.confidence == 0.0
    assert second.centre_px is None
    assert second.cavity.shape == second.myocardium.shape == empty.shape
    assert not (second.cavity | second.myocardium).any()
    for numbers in (second.regressed, second.spread, second.measured):
        assert numbers.shape == (8, 11)
        assert np.isnan(numbers).all()


def test_a_frame_without_a_cavity(three_greys, grey_seers):
    """At end-systole the apex closes: that frame has no masks and no numbers of them; the others have."""
    frames = np.stack([three_greys(12.0, 21.0), three_greys(9.0, 19.0), three_greys(0.0, 17.0)])
    (found,) = Estimator(grey_seers()).estimate([frames], SPACING)
    assert found.found
    assert found.cavity.any(axis=(1, 2)).tolist() == [True, True, False]
    assert not found.myocardium[2].any()
    assert np.isfinite(found.measured[:2]).all()
    assert np.isnan(found.measured[2]).all()


def test_a_bright_disc_without_a_wall_is_no_ventricle(three_greys, grey_seers):
    """The aorta, or the stomach: the finder is sure, but the index networks see no cavity."""
    frames = np.stack([np.where(three_greys(20.0, 20.0) > 500, 900, 100)] * 3)
    (found,) = Estimator(grey_seers()).estimate([frames], SPACING)
    assert not found.found
    assert "no cavity in any frame" in found.reason
    assert found.confidence > 0.9


def test_an_open_ring_is_no_short_axis(beating, grey_seers, spoilt):
    """Wall beside less than half of the rim, as in a long-axis picture."""

    def half(masks):
        masks[:, 1, 60:] = masks[:, 0, 60:]

    (found,) = Estimator(spoilt(half)).estimate([beating], SPACING)
    assert not found.found
    assert "not ringed by wall" in found.reason
    assert not found.cavity.any()


def test_a_stack_follows_the_heart_and_tells_how_far_it_is(three_greys, grey_seers):
    told = []
    stack = [np.stack([three_greys(20.0, 29.0, (54.0 + 3 * index, 44.0))] * 2) for index in range(4)]
    found = Estimator(grey_seers()).estimate(
        stack, SPACING, 0.0, lambda fraction, doing: told.append((fraction, doing))
    )
    assert [one.centre_px[0] for one in found] == pytest.approx([54.0, 57.0, 60.0, 63.0], abs=1.0)
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] <= fractions[-1] <= 1.0
    assert "slice 4 of 4" in told[-1][1]


def test_a_larger_patch_of_wall_elsewhere_does_not_take_the_ring_away(beating, spoilt):
    def patch(masks):
        masks[:, 1, 100:] = 8.0

    (found,) = Estimator(spoilt(patch)).estimate([beating[6:]], SPACING)
    assert dice(found.cavity[1], disc(17.0)) > 0.97
    assert dice(found.cavity[1] | found.myocardium[1], disc(28.1)) > 0.95
