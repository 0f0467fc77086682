"""The shipped rules, and the demo's, on series as scanners name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_node.config import load_config
from dicom_node.demo import ROUTING
from dicom_node.route import explain

ROOT = Path(__file__).resolve().parents[2]
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
RULE = "cine MR to left-ventricle quantification"


@pytest.fixture(params=["routing.yaml", "deploy/routing.yaml", "demo"])
def config(request, tmp_path):
    if request.param != "demo":
        return load_config(ROOT / request.param, None)
    path = tmp_path / "routing.yaml"
    path.write_text(ROUTING.format(node_port=11112, archive_port=11113))
    return load_config(path, None)


@pytest.mark.parametrize(
    ("description", "taken"),
    [
        ("cine_SA", True),
        ("SAX_BTFE", True),
        ("tf2d14_retro_sax", True),
        ("FIESTA SA", True),
        ("Short Axis stack", True),
        ("SAX cine stage 2", True),
        ("cine_SA_postLGE", True),
        ("T1 SAG", False),
        ("t2_tse_sag", False),
        ("T1map_MOLLI_SA", False),
        ("tfl_perf_SAX_3sl", False),
        ("LGE_sa", False),
        ("psir_sa_ND", False),
        ("tag_sa", False),
    ],
)
def test_cines_of_the_heart_by_their_name(config, make, description, taken):
    file = make("1.2.3.1", SOPClassUID=MR_IMAGE, Modality="MR", TriggerTime="20", SeriesDescription=description)
    verdicts = [verdict for one in explain([file], config) for verdict in one.rules if verdict.rule == RULE]
    assert verdicts
    assert any(verdict.matched for verdict in verdicts) == taken
