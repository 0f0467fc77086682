"""Reads ``routing.yaml`` into one frozen ``NodeConfig``, or tells every mistake of it at once.

Parsed once, whole, and handed down; a reload parses anew and replaces the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import yaml

from dicom_node.conditions import Equals, TagPath
from dicom_node.config import dictionary, scalars
from dicom_node.config.condition_syntax import parse_conditions
from dicom_node.config.contradictions import contradictions
from dicom_node.config.settings import (
    Accept,
    CandidatePlan,
    NodeConfig,
    NodeSettings,
    Peer,
    Retry,
    ReviewTerms,
    Rule,
    Timeouts,
    Viewer,
    namespace_of,
)
from dicom_node.config.yaml_source import (
    Field,
    Problems,
    choice,
    compose,
    did_you_mean,
    entries,
    found_in,
    is_null,
    items,
    list_of,
    node_at,
    plain,
    read_fields,
    scalar,
    section,
    words,
)
from dicom_node.errors import ConfigurationError

_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
_VIEWERS = tuple(viewer.value for viewer in Viewer)


class AlgorithmCatalogue(Protocol):
    """What the configuration asks about algorithms; ``plugins.Catalogue`` answers."""

    def names(self) -> tuple[str, ...]:
        """The installed algorithms."""
        ...

    def option_problems(self, name: str, options: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
        """What is wrong with a rule's options: (keys from ``options`` inwards, what is allowed) of each mistake."""
        ...

    def canonical_options(self, name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Options without a mistake, with the defaults filled in: what means the same is the same."""
        ...


def _of(kind: scalars.Kind, key: str, attribute: str, default: str | None, meaning: str) -> Field:
    return Field(key, attribute, scalar(kind), kind.allowed, default, meaning)


def _list(kind: scalars.Kind, key: str, attribute: str, default: str | None, meaning: str) -> Field:
    return Field(key, attribute, list_of(kind), f"a list: each {kind.allowed}", default, meaning)


def _choice(names: tuple[str, ...], key: str, default: str, meaning: str) -> Field:
    return Field(key, key, choice(*names), words(names), default, meaning)


def _section(fields: tuple[Field, ...], build: Callable[..., Any], key: str, meaning: str) -> Field:
    return Field(key, key, section(fields, build), words([field.key for field in fields]), "{}", meaning)


def _read_options(node: yaml.Node, what: str, problems: Problems) -> Mapping[str, Any] | None:
    if isinstance(node, yaml.MappingNode):
        before = len(problems)
        options = plain(node, problems)
        return MappingProxyType(options) if len(problems) == before else None
    problems.add(node, f"{what} is {found_in(node)}: needs the algorithm's options, each with a value")
    return None


def _read_when(node: yaml.Node, what: str, problems: Problems) -> Any:
    return parse_conditions(node, problems, what)


def _read_exclude(node: yaml.Node, what: str, problems: Problems) -> tuple[str, ...]:
    read: list[str] = []
    for item in items(node, what, "each a SOP class or a role", problems):
        text = item.value if isinstance(item, yaml.ScalarNode) else ""
        uid = dictionary.uid_of(text, "SOPClassUID")
        if uid is None and not _ROLE.fullmatch(text):
            near = did_you_mean(text, dictionary.uid_names("SOPClassUID"))
            problems.add(item, f"{what} is {found_in(item)}: needs a SOP class (name or UID) or a role{near}")
        else:
            read.append(uid or text)
    return tuple(read)


def _read_viewer(node: yaml.Node, what: str, problems: Problems) -> Viewer | None:
    name = choice(*_VIEWERS)(node, what, problems)
    return None if name is None else Viewer(name)


def _read_review(node: yaml.Node, what: str, problems: Problems) -> ReviewTerms | None:
    """A mapping, or only its ``required``: ``review: always``."""
    if isinstance(node, yaml.ScalarNode) and not is_null(node):
        required = choice(*_REQUIRED)(node, what, problems)
        return None if required is None else ReviewTerms(required)
    values = read_fields(node, _REVIEW, what, problems)
    pointless = [key for key in values if key != "required"] if values.get("required") == "never" else []
    if pointless:
        told = f"required is never, so {' and '.join(pointless)} of {what} would do nothing: leave it out"
        problems.add(node_at(node, pointless[:1]), told)
    return ReviewTerms(**values)


_ACCEPT = (
    _list(scalars.AE_TITLE, "calling_ae", "calling_ae", "[]", "AE titles that may send; an empty list: any."),
    _list(scalars.AE_TITLE, "called_ae", "called_ae", "[]", "AE titles that may be called; an empty list: any."),
    _list(scalars.NETWORK, "networks", "networks", "[]", "Where senders may be; an empty list: anywhere."),
)
_TIMEOUTS = (
    _of(scalars.DURATION, "acse", "acse_s", "30s", "Opening and closing an association."),
    _of(scalars.DURATION, "dimse", "dimse_s", "60s", "Messages but C-STORE: network and 10 kB/s bound that."),
    _of(scalars.DURATION, "network", "network_s", "2 min", "Silence on an open association."),
)
_PLAN = (
    _of(scalars.LONG_DURATION, "every", "every_s", None, "At most so often."),
    _of(scalars.COUNT, "at_least", "at_least", None, "With fewer new cases than this, it waits."),
)


def _read_candidates(node: yaml.Node, what: str, problems: Problems) -> Mapping[str, CandidatePlan] | None:
    """Algorithm -> plan; None where one has mistakes."""
    before = len(problems)
    plans: dict[str, CandidatePlan] = {}
    for name, (key_node, value) in entries(node, what, problems).items():
        scalar(scalars.ALGORITHM)(key_node, "the name of an algorithm", problems)
        values = read_fields(value, _PLAN, f"{what} of {name}", problems)
        if len(problems) == before:
            plans[name] = CandidatePlan(**values)
    return MappingProxyType(plans) if len(problems) == before else None


_NODE = (
    _of(scalars.AE_TITLE, "ae_title", "ae_title", "DICOM_NODE", "The node's own AE title."),
    _of(scalars.HOST, "bind", "bind", "127.0.0.1", "The address to listen on; 0.0.0.0 is every IPv4 address."),
    _of(scalars.PORT, "port", "port", "11112", "The port to listen on."),
    _of(scalars.PATH, "data_dir", "data_dir", "./var", "Where the node keeps everything; one node per folder."),
    _section(_ACCEPT, Accept, "accept", "Who may open an association."),
    _of(
        scalars.DURATION,
        "series_complete_after",
        "series_complete_after_s",
        "10s",
        "Quiet time after which a series is complete, where no count in its headers says so sooner.",
    ),
    _of(
        scalars.DURATION,
        "study_complete_after",
        "study_complete_after_s",
        "60s",
        "The same for a study, for rules with group: study.",
    ),
    _of(scalars.WORKERS, "workers", "workers", "auto", "Analyses at a time; auto: half of the processors, at most 4."),
    _of(scalars.DURATION, "job_time_limit", "job_time_limit_s", "30 min", "One attempt at an analysis."),
    _of(scalars.MEMORY, "job_memory_limit", "job_memory_limit_mib", "8GiB", "One analysis, resident memory."),
    _of(scalars.DISK, "min_free", "min_free_mib", "1GiB", "With less disk space than this, nothing more is accepted."),
    _of(scalars.PDU, "max_pdu", "max_pdu", "128KiB", "The largest protocol data unit to receive (PS3.8)."),
    _of(scalars.ASSOCIATIONS, "max_associations", "max_associations", "25", "Associations open at a time."),
    _section(_TIMEOUTS, Timeouts, "timeouts", "Of associations."),
    _of(
        scalars.UID_NAMESPACE,
        "uid_namespace",
        "uid_namespace",
        "made from ae_title",
        "Under which the UIDs of results are made: keep it, and the same work keeps the same UIDs.",
    ),
    _choice(("local",), "engine", "local", "Where algorithms run: local is worker processes on this machine."),
    Field(
        "candidates",
        "candidates",
        _read_candidates,
        "algorithms, each with every and at_least",
        "{}",
        "Models that the node prepares from reviewed cases, for a person to promote: see Cases and models.",
    ),
)
_RETRY = (
    _of(scalars.DURATION, "first", "first_s", "10s", "Wait before the second attempt."),
    _of(scalars.FACTOR, "factor", "factor", "2", "Each wait is so many times the one before."),
    _of(scalars.DURATION, "max", "max_s", "10 min", "The longest wait."),
    _of(scalars.LONG_DURATION, "give_up_after", "give_up_after_s", "7 days", "From the first attempt to the last."),
)
_PEER = (
    _of(scalars.AE_TITLE, "ae_title", "ae_title", None, "The peer's AE title."),
    _of(scalars.HOST, "host", "host", None, "Its address."),
    _of(scalars.PORT, "port", "port", None, "Its port."),
    _of(scalars.AE_TITLE, "calling_ae", "calling_ae", "the node's ae_title", "What the node calls itself to it."),
    _section(_RETRY, Retry, "retry", "When a delivery that failed is tried again."),
    _of(scalars.DURATION, "timeout", "timeout_s", "30s", "Connecting, and each answer."),
    Field(
        "exclude",
        "exclude",
        _read_exclude,
        "a list of SOP classes (names or UIDs) and roles of result objects",
        "[]",
        "What it does not get.",
    ),
    Field("viewer", "viewer", _read_viewer, words(_VIEWERS), "standard", "What its people look with: see below."),
)
_REQUIRED = ("auto", "always", "never")
_REVIEW = (
    _choice(_REQUIRED, "required", "auto", "Whether a person judges the results; auto: where the algorithm asks."),
    _choice(("send", "hold"), "draft", "send", "Unjudged results are sent as a draft, or held back until then."),
    _choice(
        ("key_object", "nothing"), "on_reject", "key_object", "What peers get that have a draft which is rejected."
    ),
)
_RULE = (
    _of(scalars.TITLE, "name", "name", None, "Its name in logs, jobs and reports; no two rules share one."),
    Field("when", "when", _read_when, "conditions", None, "Which instances it takes: see Conditions."),
    _choice(("series", "study"), "group", "series", "What is analysed together: a series, or the whole study."),
    _of(scalars.ALGORITHM, "run", "run", None, "The algorithm: dicom-node algorithms lists them."),
    Field("options", "options", _read_options, "the algorithm's options", "{}", "See dicom-node algorithms."),
    _list(scalars.PEER, "send_to", "send_to", None, "The peers that get the results; []: the outbox only."),
    _of(scalars.PRIORITY, "priority", "priority", "0", "Jobs of higher priority go first."),
    _of(scalars.DURATION, "time_limit", "time_limit_s", "the node's job_time_limit", "One attempt."),
    _of(scalars.MEMORY, "memory_limit", "memory_limit_mib", "the node's job_memory_limit", "One analysis."),
    Field(
        "review",
        "review",
        _read_review,
        f"{words([field.key for field in _REVIEW])}; or only {words(_REQUIRED)}",
        "{}",
        "Judged by a person: see below.",
    ),
)

FIELDS: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {
        "node": _NODE,
        "node.accept": _ACCEPT,
        "node.timeouts": _TIMEOUTS,
        "node.candidates.NAME": _PLAN,
        "peers.NAME": _PEER,
        "peers.NAME.retry": _RETRY,
        "rules[]": _RULE,
        "rules[].review": _REVIEW,
    }
)
"""Every key of the file, section by section: what the reader knows and the routing reference lists."""

_SECTIONS = ("node", "peers", "rules")


def load_config(path: Path, algorithms: AlgorithmCatalogue | None) -> NodeConfig:
    """Reads ``routing.yaml``; ``algorithms`` None leaves algorithm names and options unchecked.

    Raises:
        ConfigurationError: with every mistake of the file, each at its line and column.
    """
    problems = Problems(str(path))
    root = compose(path, problems)
    if root is None:
        raise ConfigurationError(problems.found)
    top = entries(root, "the file", problems)
    for key, (key_node, _) in top.items():
        if key not in _SECTIONS:
            near = did_you_mean(key, _SECTIONS)
            problems.add(key_node, f"unknown key {key!r} in the file: needs {words(_SECTIONS)}{near}")
    node = _node(top["node"][1], path, problems) if "node" in top else _settings({}, path)
    peers = _peers(top["peers"][1], node, problems) if "peers" in top else {}
    rules = _rules(top["rules"][1], tuple(peers), algorithms, problems) if "rules" in top else []
    _check_matchable(rules, node.accept, root, problems)
    if algorithms is not None and not problems.found:
        _check_candidates(node.candidates, root, algorithms, problems)
    if problems.found:
        raise ConfigurationError(problems.found)
    known = {name: peer for name, peer in peers.items() if peer is not None}
    return NodeConfig(node, MappingProxyType(known), tuple(rules), path)


def _node(node: yaml.Node, path: Path, problems: Problems) -> NodeSettings:
    return _settings(read_fields(node, _NODE, "node", problems), path)


def _settings(values: dict[str, Any], path: Path) -> NodeSettings:
    values["data_dir"] = (path.parent / values.get("data_dir", "var")).absolute()
    settings = NodeSettings(**values)
    return settings if "uid_namespace" in values else replace(settings, uid_namespace=namespace_of(settings.ae_title))


def _peers(node: yaml.Node, settings: NodeSettings, problems: Problems) -> dict[str, Peer | None]:
    """Every peer by name; None for one that has mistakes, so that rules may still name it."""
    peers: dict[str, Peer | None] = {}
    for name, (key_node, value) in entries(node, "peers", problems).items():
        scalar(scalars.NAME)(key_node, "the name of a peer", problems)
        before = len(problems)
        values = read_fields(value, _PEER, f"peer {name}", problems)
        peers[name] = None
        if len(problems) > before:
            continue
        peer = Peer(name, **{"calling_ae": settings.ae_title, **values})
        if peer.port == settings.port and peer.host in {settings.bind, "127.0.0.1", "::1", "localhost"}:
            problems.add(value, f"peer {name} is this node itself ({peer.host}:{peer.port}): name the archive's port")
        if peer.retry.max_s < peer.retry.first_s:
            place = node_at(value, ["retry"])
            problems.add(place, f"retry of peer {name}: max is less than first, so it could never be waited")
        peers[name] = peer
    return peers


def _rules(
    node: yaml.Node, peers: tuple[str, ...], algorithms: AlgorithmCatalogue | None, problems: Problems
) -> list[Rule]:
    rules: list[Rule] = []
    for item in _rule_items(node, problems):
        what = _called(item)
        values = read_fields(item, _RULE, what, problems)
        if "send_to" in values:
            _check_peers(item, peers, what, problems)
        if algorithms is not None and "run" in values:
            _check_algorithm(item, values, algorithms, problems)
        if all(field.attribute in values for field in _RULE if field.default is None):
            rule = Rule(**values, line=item.start_mark.line + 1)
            _check_unlike(rule, rules, item, problems)
            rules.append(rule)
    return rules


def _called(item: yaml.Node) -> str:
    """The rule by its name, for a message."""
    pairs = item.value if isinstance(item, yaml.MappingNode) else []
    names = (value for key, value in pairs if isinstance(value, yaml.ScalarNode) and key.value == "name")
    return next((f"rule {found_in(name)}" for name in names if not is_null(name)), "the rule")


def _rule_items(node: yaml.Node, problems: Problems) -> list[yaml.Node]:
    return [] if is_null(node) else items(node, "rules", "each rule with '- ' before its first key", problems)


def _check_peers(item: yaml.Node, peers: tuple[str, ...], what: str, problems: Problems) -> None:
    for name in _value_at(item, "send_to").value:
        if isinstance(name, yaml.ScalarNode) and name.value not in peers:
            told = f"needs {words(peers)}" if peers else "the file has no peers"
            near = did_you_mean(name.value, peers)
            problems.add(name, f"unknown peer {found_in(name)} in send_to of {what}: {told}{near}")


def _value_at(item: yaml.MappingNode, key: str) -> yaml.Node:
    """The value node of a rule's key, which is there."""
    return next(value for node, value in item.value if node.value == key)


def _check_algorithm(
    item: yaml.Node, values: dict[str, Any], algorithms: AlgorithmCatalogue, problems: Problems
) -> None:
    name = values["run"]
    if name not in algorithms.names():
        installed = f"needs {words(algorithms.names())}" if algorithms.names() else "none is installed"
        near = did_you_mean(name, algorithms.names())
        problems.add(_value_at(item, "run"), f"unknown algorithm {name!r}: {installed}{near}")
        return
    written = "options" in {key.value for key, _ in item.value}
    if written and "options" not in values:
        return  # they are wrong as YAML already
    found = algorithms.option_problems(name, values.get("options", {}))
    if not found:
        values["options"] = MappingProxyType(dict(algorithms.canonical_options(name, values.get("options", {}))))
    for path, message in found:
        if path:
            told = f"option {'.'.join(map(str, path))} of {name}: {message}"
            problems.add(node_at(item, ["options", *path]), told)
        else:
            problems.add(_value_at(item, "run"), message)


def _check_candidates(
    plans: Mapping[str, CandidatePlan], root: yaml.Node, algorithms: AlgorithmCatalogue, problems: Problems
) -> None:
    for name in plans:
        if name not in algorithms.names():
            near = did_you_mean(name, algorithms.names())
            place = node_at(root, ["node", "candidates", name])
            problems.add(place, f"unknown algorithm {name!r} in candidates: needs {words(algorithms.names())}{near}")


def _check_unlike(rule: Rule, others: list[Rule], item: yaml.Node, problems: Problems) -> None:
    for other in others:
        if rule.name == other.name:
            told = f"the name {rule.name!r} is that of the rule on line {other.line}: give each rule its own"
            problems.add(_value_at(item, "name"), told)


def _check_matchable(rules: list[Rule], accept: Accept, root: yaml.Node, problems: Problems) -> None:
    """Rules that no instance can meet, given the AE titles that may associate at all."""
    given = []
    for key, titles in (("calling_ae", accept.calling_ae), ("called_ae", accept.called_ae)):
        if titles:
            mark = node_at(root, ["node", "accept", key]).start_mark
            shown = ", ".join(map(repr, titles))
            given.append(Equals(TagPath(key, ()), titles, shown, mark.line + 1, mark.column + 1))
    for rule in rules:
        for found in contradictions(rule.when, given):
            problems.add_at(found.line, found.column, f"rule {rule.name!r} {found.message}")
