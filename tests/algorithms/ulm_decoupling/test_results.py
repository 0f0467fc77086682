"""Where maps, series and positions lie on the source picture, by hand calculation; parts, units and words."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ulm_decoupling import results
from algorithms.ulm_decoupling.analysed import Analysed
from algorithms.ulm_decoupling.clip import contrast_clip
from algorithms.ulm_decoupling.decoupled import decouple
from algorithms.ulm_decoupling.localise import Localisations
from algorithms.ulm_decoupling.maps import MapOptions, draw_maps
from algorithms.ulm_decoupling.measure import decouple_space, decouple_time
from algorithms.ulm_decoupling.options import Options
from algorithms.ulm_decoupling.psf import PointSpread
from algorithms.ulm_decoupling.results import compose
from algorithms.ulm_decoupling.scene import PictureQuality

FACTOR = 4

QUALITY = PictureQuality(range_db=None, noise=1.0, floor=6.0, bright=60.0, brightest=90.0, isolated_bubbles=9)


@pytest.fixture
def composed(volume_of, region):
    """A function: the result of one track through given points of a contrast picture at (20, 10)."""

    def composed(points, **options):
        picture = np.zeros((len(points), 60, 80), np.uint8)
        picture[:, 15:18, 30:33] = 99
        volume = volume_of(picture, frame_time_s=0.04, regions=(region(20, 10, 69, 49, row_mm=0.2, column_mm=0.1),))
        clip = contrast_clip(volume, "auto")
        x, y = np.array(points, float).T
        n = np.arange(len(x))
        still = np.zeros(len(x))
        found = Localisations(n, n * 0, x, y, still + 51.0, still + 0.5, still, PointSpread(1, 1), QUALITY)
        maps = draw_maps(found, 40, 50, MapOptions(FACTOR))
        chosen = Options(**options)
        decoupled = decouple(clip.frames, chosen.space, chosen.time, lambda part: None)
        item = Analysed(
            volume, clip, decoupled, found, still + 12.5, maps.density, maps.speed_px_per_frame, FACTOR, ("a note",)
        )
        return compose([item], chosen, ("another",))

    return composed


STILL = [(12.3, 7.6)] * 10


def test_a_bubble_lands_on_the_map_pixel_that_covers_it(composed):
    """x = 12.3, y = 7.6 of the contrast picture: (12.3 + 0.5) * 4 = 51.2, (7.6 + 0.5) * 4 = 32.4."""
    density_map, velocity_map = composed(STILL).maps
    assert np.argwhere(density_map.values).tolist() == [[32, 51]]
    assert velocity_map.values[32, 51] == pytest.approx(0.5)
    # Its centre on the whole picture: the map pixel is a quarter wide, 51.5 quarters from the edge at 19.5
    place = density_map.placement
    assert place.x0_px + 51 / place.scale == pytest.approx(19.5 + 51.5 / 4)
    assert place.y0_px + 32 / place.scale == pytest.approx(9.5 + 32.5 / 4)
    assert abs(place.x0_px + 51 / place.scale - (20 + 12.3)) <= 0.125
    assert abs(place.y0_px + 32 / place.scale - (10 + 7.6)) <= 0.125
    assert (place.spacing.row_mm, place.spacing.column_mm) == pytest.approx((0.05, 0.025))


def test_the_table_holds_positions_of_the_whole_picture(composed):
    table = composed(STILL).tables[0]
    assert table.columns == ("frame", "track", "x_px", "y_px", "amplitude")
    assert table.rows[3] == (3, 0, 32.3, 17.6, 0.2)


def test_the_decoupled_series_lies_on_the_contrast_picture_and_says_what_values_mean(composed):
    result = composed(STILL, sign="signed")
    series = result.derived[0]
    place = series.placement
    assert (place.x0_px, place.y0_px, place.scale) == (20, 10, 1)
    assert (place.spacing.row_mm, place.spacing.column_mm) == pytest.approx((0.2, 0.1))
    assert series.frame_time_s == pytest.approx(0.04)
    assert "not times of acquisition" in series.timing_note
    slope, intercept, _ = series.value_scale
    picture = np.zeros((10, 40, 50), np.uint8)
    picture[:, 5:8, 10:13] = 99
    expected = decouple_time(decouple_space(picture), scales=2)
    assert series.pixels.shape == expected.shape == (3, 40, 50)
    assert np.abs(series.pixels.read(0, 3) * slope + intercept - expected).max() <= 0.51 * slope


def test_a_series_too_large_for_one_object_goes_out_in_parts(composed, monkeypatch):
    whole = composed([(12.3, 7.6)] * 20).derived[0]
    assert whole.role == "decoupled"
    monkeypatch.setattr(results, "LARGEST_OBJECT_BYTES", 7 * 40 * 50 + 1)
    parts = composed([(12.3, 7.6)] * 20).derived
    assert [part.role for part in parts] == ["decoupled", "decoupled_part_2", "decoupled_part_3"]
    assert [part.pixels.shape[0] for part in parts] == [7, 7, 4]  # scales 2 and 3 of 20 frames: 13 + 5
    joined = np.concatenate([part.pixels.read(0, part.pixels.shape[0]) for part in parts])
    assert np.array_equal(joined, whole.pixels.read(0, 18))
    assert parts[1].title.endswith("part 2 of 3")
    assert "frames 8 to 14 of 18" in parts[1].description


def test_measurements_are_in_the_outline_of_the_contrast_picture(composed):
    result = composed(STILL)
    (group,) = result.groups
    named = {(m.name.meaning, m.derivation and m.derivation.meaning): m for m in group.measurements}
    assert named["Frames analysed", None].value == 10
    assert named["Microbubbles per frame", "Maximum"].value == 1
    assert named["Microbubble speed", "Mean"].value == pytest.approx(12.5)
    assert named["Microbubble speed", "Mean"].unit.ucum == "mm/s"
    outline = named["Frames analysed", None].inferred_from
    assert outline.points == ((20, 10), (69, 10), (69, 49), (20, 49))
    assert len(named) == 13


def test_notes_tell_how_it_was_read_and_what_was_left_out(composed):
    notes = "\n".join(composed(STILL).notes)
    for words in (
        "the one 2-D region was analysed",
        "10 frames allow 2 of 5 scales",
        "a note",
        "another",
        "beyond is cut",
    ):
        assert words in notes
