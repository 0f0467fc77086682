"""What holds for every command: help, wrong words, exit codes, no traces."""

from __future__ import annotations

import pytest

from dicom_node import cli as package
from dicom_node.cli import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_a_sentence(call, command):
    shown = call(command, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"Usage: dicom-node {command}")
    assert len(shown.out.splitlines()[2].strip()) > 20


@pytest.mark.parametrize(
    ("group", "commands"), [("jobs", "list show retry cancel"), ("inbox", "list show route aside")]
)
def test_every_command_of_a_group_has_help(call, group, commands):
    for command in commands.split():
        shown = call(group, command, "--help")
        assert shown.code == 0
        assert shown.out.startswith(f"Usage: dicom-node {group} {command}")


def test_the_command_alone_lists_its_commands_and_says_what_it_is_not(call):
    shown = call("--help")
    assert "not a medical device" in " ".join(shown.out.split())
    for command in COMMANDS:
        assert f"\n  {command} " in shown.out


def test_the_version(call):
    from dicom_node import __version__

    assert call("--version").out == f"dicom-node, version {__version__}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["chek"], "Did you mean 'check'?"),
        (["jobs", "lst"], "Did you mean 'list'?"),
        (["check", "--confg", "x"], "'--config'"),
        (["explain"], "Missing argument 'PATHS...'"),
        (["explain", "nowhere"], "Path 'nowhere' does not exist"),
        (["jobs", "list", "--state", "lost"], "'lost' is not one of 'waiting', 'running', 'done'"),
    ],
)
def test_wrong_use_is_exit_code_2_and_a_sentence(call, words, told):
    shown = call(*words)
    assert shown.code == 2
    assert told in " ".join(shown.err.replace("(", "").split())


def test_a_bug_is_told_without_the_text_of_its_error(call, monkeypatch):
    def broken(*_):
        raise KeyError("DOE^JANE")

    monkeypatch.setattr(package.cli, "get_command", broken)
    monkeypatch.delenv("DICOM_NODE_TRACE", raising=False)
    shown = call("check")
    assert shown.code == 1
    assert "dicom-node failed: KeyError at test_cli.py:" in shown.err
    assert "This is a bug" in shown.err
    assert "DOE" not in shown.err
