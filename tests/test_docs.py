"""The documents hold what the code offers, and nothing that it does not."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

from dicom_node.cli import COMMANDS, cli
from dicom_node.config import FIELDS
from dicom_node.plugins import Catalogue

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = {path.name: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
ALL = "\n".join(PAGES.values())

COMMAND_LINE = re.compile(r"(?:^|`|\|\| |  )(dicom-node [^`#\n&|]+)", re.MULTILINE)
HERE = re.compile(r"(?<![\w.$])/(?:work|tmp|root|home)/[\w.-]+")
REGISTRY_HOSTS = re.compile(r"https?://[^\s/\"']*(?:pypi|artifact|nexus|proxy|mirror|registry)[^\s/\"']*", re.I)


def commands(group: click.Group, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command that a person can type."""
    context, found = click.Context(group), []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            found += commands(command, (*prefix, name))
        else:
            found.append((*prefix, name))
    return found


def command_lines() -> list[tuple[str, str]]:
    """(page, command line) of every ``dicom-node ...`` in the documents."""
    return [
        (page, line.strip().rstrip(".,;:)"))
        for page, text in PAGES.items()
        for line in COMMAND_LINE.findall(text)
        if line.split()[1] in COMMANDS or line.split()[1].startswith("-")
    ]


@pytest.mark.parametrize("words", commands(cli), ids=" ".join)
def test_every_command_is_in_the_documents(words):
    assert f"dicom-node {' '.join(words)}" in ALL


def test_there_are_command_lines_in_readme_and_operations():
    pages = [page for page, _ in command_lines()]
    assert pages.count("README.md") > 8
    assert pages.count("operations.md") > 8


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_every_command_line_of_the_documents_parses(page, line, monkeypatch):
    """As click would, up to calling it; paths that a reader would have need not be here."""
    command: click.Command = cli
    context = click.Context(cli)
    words = ["1" if word == "N" else word for word in shlex.split(line)[1:]]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words.pop(0))
        assert found is not None, f"{page}: {line}"
        command, context = found, click.Context(found, parent=context)
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            monkeypatch.setattr(parameter.type, "exists", False)
    if words:  # without any it is a command's name in a sentence
        command.parse_args(context, words)


@pytest.mark.parametrize("name", Catalogue().names())
def test_every_algorithm_is_in_the_readme_and_has_its_page(name):
    assert f"`{name}`" in README
    assert any((ROOT / "docs").glob(f"{name.replace('_', '-')}*")) or any(ROOT.glob(f"docs/{name}*"))


@pytest.mark.parametrize("key", sorted({field.key for fields in FIELDS.values() for field in fields}))
def test_every_key_of_the_configuration_is_in_the_reference(key):
    assert f"`{key}`" in PAGES["routing.md"]


def test_the_changelog_has_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_every_link_between_the_documents_leads_somewhere():
    for page, text in PAGES.items():
        folder = ROOT if page == "README.md" else ROOT / "docs"
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (folder / target).exists(), f"{page} links to {target}"


def test_no_tracked_file_names_this_machine_or_a_package_registry():
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    told = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # no text
        told += [f"{name}: {found}" for found in (*HERE.findall(text), *REGISTRY_HOSTS.findall(text))]
    assert told == []
