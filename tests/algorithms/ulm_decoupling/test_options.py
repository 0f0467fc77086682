"""Options: defaults are the document's example, wrong ones are refused with what is allowed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from algorithms.ulm_decoupling.options import Options


def test_defaults_are_those_of_the_documents_example():
    options = Options()
    assert (options.time.wavelet, options.time.kept) == ("haar", (2, 3, 4, 5))
    assert options.space.distance == "euclidean"
    assert options.localise.detect.seeds == "decoupled"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"contrast_side": "top"}, "'auto', 'left', 'right' or 'whole'"),
        ({"threshold": "otsu", "threshold_value": 40}, "otsu' finds its value itself"),
        ({"threshold": "fixed"}, "needs a threshold value"),
        ({"threshold": "percentile", "threshold_value": 100}, "below 100"),
        ({"threshold": "fixed", "threshold_value": -1}, "greater than or equal to 0"),
        ({"adaptive_window_px": 30}, "odd number"),
        ({"wavelet": "har"}, "no discrete wavelet"),
        ({"wavelet": "mexh"}, "no discrete wavelet"),
        ({"dropped_scales": [6]}, "between 1 and 5"),
        ({"scales": 2, "dropped_scales": [1, 2]}, "keep at least one"),
        ({"scales": 0}, "greater than or equal to 1"),
        ({"super_resolution": 17}, "less than or equal to 16"),
        ({"tresh": "otsu"}, "Extra inputs"),
    ],
)
def test_what_does_not_go_is_refused_in_words(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Options.model_validate(wrong)


def test_options_reach_the_parts():
    options = Options(
        threshold="percentile", threshold_value=90, distance="manhattan", block_px=2, wavelet="db2", scales=4,
        dropped_scales=(1, 2), sign="signed", max_step_px=5, max_gap_frames=1, min_track_length=3,
        min_relative_amplitude=0.3,
    )  # fmt: skip
    assert (options.space.threshold.method, options.space.threshold.percentile) == ("percentile", 90)
    assert (options.space.distance, options.space.block_px) == ("manhattan", 2)
    assert (options.time.wavelet, options.time.kept, options.time.sign) == ("db2", (3, 4), "signed")
    links = options.localise.links
    assert (links.max_step_px, links.max_gap_frames, links.min_length) == (5, 1, 3)
    assert options.localise.detect.min_relative_amplitude == 0.3
    assert options.localise.space == options.space


def test_plain_is_plain():
    detect = Options(decoupling="plain").localise.detect
    assert (detect.seeds, detect.subpixel) == ("intensity", "centroid")
