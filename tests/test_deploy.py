"""What an installation is made of: each part works with the code that is here."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from dicom_node.archive import EmbeddedArchive
from dicom_node.config import load_config
from dicom_node.plugins import Catalogue

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"


def test_the_configuration_of_the_container_holds_and_lets_its_own_health_check_in():
    config = load_config(DEPLOY / "routing.yaml", Catalogue())
    assert config.node.data_dir == Path("/var/lib/dicom-node")
    assert any(ip_address("127.0.0.1") in network for network in config.node.accept.networks)
    assert config.node.port == 11112


def health_of(port):
    """The exit code of the container's health check."""
    command = [sys.executable, str(DEPLOY / "healthcheck.py"), str(port)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


@pytest.mark.loopback
def test_health_is_an_answer(tmp_path):
    with EmbeddedArchive(tmp_path) as archive:
        port = archive.port
        assert health_of(port) == 0
    assert health_of(port) == 1


@pytest.mark.loopback
def test_a_node_that_refuses_the_health_check_is_well():
    picky = AE("PICKY")
    picky.add_supported_context(Verification)
    picky.require_calling_aet = ["PACS"]
    server = picky.start_server(("127.0.0.1", 0), block=False)
    try:
        assert health_of(server.socket.getsockname()[1]) == 0
    finally:
        server.shutdown()


def test_the_container_is_built_from_files_that_are_there():
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    assert all((ROOT / name).exists() for name in copied), copied
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], project["project"]["readme"]}
    assert needed <= set(copied)


def test_compose_mounts_what_is_there_and_archive_and_node_name_each_other():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    peer = load_config(DEPLOY / "routing.yaml", None).peers["archive"]
    archive = services["orthanc"]
    assert peer.host in services
    assert archive["environment"]["ORTHANC__DICOM_AET"] == peer.ae_title
    assert f"{peer.port}:4242" in archive["ports"]
    assert (DEPLOY / services["dicom-node"]["build"]["context"]).resolve() == ROOT
    (mounted,) = [volume for volume in services["dicom-node"]["volumes"] if volume.startswith("./")]
    assert (DEPLOY / mounted.split(":")[0]).exists()


def test_the_systemd_unit_has_no_mistake(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    unit = (DEPLOY / "dicom-node.service").read_text().replace("/opt/dicom-node/bin/dicom-node", "/bin/true")
    path = tmp_path / "dicom-node.service"
    path.write_text(unit)
    done = subprocess.run([program, "verify", path], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "dicom-node" in line]) == (0, [])
