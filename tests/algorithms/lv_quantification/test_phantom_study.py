"""A simulated study as DICOM, measured with its own true masks: what comes out is the heart that went in."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.algorithm import LvQuantification
from algorithms.lv_quantification.indices import indices_of
from algorithms.lv_quantification.options import Options
from algorithms.lv_quantification.phantom import PhantomOptions, make_study
from dicom_node.errors import UnsuitableSeries
from dicom_node.load import load_series
from sample_dicom.cine_mr import classic, enhanced
from sample_dicom.part10 import write

STACK = PhantomOptions(slices=9, frames=20, rows=96, columns=96, spacing_mm=2.0, above_base_mm=5.0, turned_degrees=35.0)


@pytest.fixture(scope="module")
def study():
    return make_study(STACK)


@pytest.fixture(scope="module")
def load(study, tmp_path_factory):
    """A function: classic or enhanced -> the series as the node reads it."""

    def load(kind: str, simulated=study):
        folder = tmp_path_factory.mktemp("phantom")
        objects = classic(simulated, "p") if kind == "classic" else [("p.dcm", enhanced(simulated, "p"))]
        for name, dataset in objects:
            write(dataset, folder / name)
        return load_series(sorted(folder.iterdir()), folder)

    return load


class Truth:
    """An estimator that knows the masks; the pictures must come from base to apex, or nothing fits."""

    infos = ()

    def __init__(self, study, estimate_class) -> None:
        self._study, self._class = study, estimate_class

    def estimate(self, slices, spacing, anchor_deg, progress):
        self.anchor_deg = anchor_deg
        assert all(np.array_equal(a, b) for a, b in zip(slices, self._study.pixels, strict=True))
        return tuple(self._one(k, spacing, anchor_deg) for k in range(len(slices)))

    def _one(self, k, spacing, anchor_deg):
        cavity, wall = self._study.cavity[k], self._study.myocardium[k]
        found = bool(cavity[0].any())
        numbers = np.stack([indices_of(a, b, spacing, anchor_deg) for a, b in zip(cavity, wall, strict=True)])
        return self._class(found, "", 1.0, None, cavity, wall, numbers, np.zeros_like(numbers), numbers)


@pytest.mark.parametrize("kind", ["classic", "enhanced"])
def test_volumes_and_phases_are_those_of_the_simulated_heart(study, load, ring_estimate, kind):
    truth = Truth(study, ring_estimate)
    summary = LvQuantification(Options(report_frames="ed_es"), truth).run(load(kind)).summary
    assert summary["edv_ml"] == pytest.approx(study.summed_volumes_ml[summary["ed_frame"] - 1], rel=1e-3)
    assert summary["edv_ml"] == pytest.approx(study.edv_ml, rel=0.06)  # 10 mm between slices
    assert summary["ef_percent"] == pytest.approx(study.ef_percent, abs=5)
    assert summary["mass_g"] == pytest.approx(study.mass_g, rel=0.12)
    cyclic = (summary["ed_frame"] - 1 - study.ed_frame + 10) % 20 - 10
    assert abs(cyclic) <= 1
    assert abs(summary["es_frame"] - 1 - study.es_frame) <= 1
    assert summary["rr_ms"] == pytest.approx(study.rr_ms, abs=1)
    assert summary["slice_spacing_mm"] == pytest.approx(10)
    assert truth.anchor_deg == pytest.approx(35, abs=8)  # the plane tells how the picture was turned
    numbers = [frame["frame_number"] for frame in summary["frames"]]
    assert len(set(numbers)) == (1 if kind == "classic" else len(numbers))
    assert min(numbers) >= 1


def test_long_axis_cines_are_refused(load):
    long_axis = make_study(PhantomOptions(slices=1, frames=8, rows=64, columns=64, spacing_mm=3.0, view="long_axis"))
    with pytest.raises(UnsuitableSeries, match="needs a cine MR in short-axis planes"):
        LvQuantification(Options(), Truth(long_axis, None)).run(load("classic", long_axis))
