from __future__ import annotations

import math
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from textwrap import dedent
from uuid import UUID

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dicom_node.conditions import AllOf, AnyOf, Equals, Exists, Matches, Range
from dicom_node.config import (
    FIELDS,
    Accept,
    CandidatePlan,
    NodeSettings,
    Peer,
    Retry,
    ReviewTerms,
    Timeouts,
    Viewer,
    load_config,
)
from dicom_node.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


class OneAlgorithm:
    """A catalogue with one algorithm, ``denoise``, that has one option, ``strength`` from 0 to 1."""

    def names(self):
        return ("denoise",)

    def option_problems(self, name, options):
        found = [((key,), "there is no such option") for key in options if key != "strength"]
        if not 0 <= options.get("strength", 0) <= 1:
            found.append((("strength",), "needs a number from 0 to 1"))
        return found

    def canonical_options(self, name, options):
        return {"strength": 0.5, **options}


@pytest.fixture
def load(tmp_path):
    def load(text, algorithms=None):
        path = tmp_path / "routing.yaml"
        path.write_text(dedent(text))
        return load_config(path, algorithms)

    return load


@pytest.fixture
def problems(load):
    """A function: text -> [(line, column, message)]."""

    def problems(text):
        with pytest.raises(ConfigurationError) as raised:
            load(text, OneAlgorithm())
        return [(problem.line, problem.column, problem.message) for problem in raised.value.problems]

    return problems


TEN_MISTAKES = """\
node:
  ae_title: THE_NODE_OF_RADIOLOGY
  port: 70000
  series_complete_afer: 10s
peers:
  archive: {ae_title: ARCHIVE, host: 10.0.0.1, port: 104}
rules:
  - name: first
    when:
      Modalty: US
      NumberOfFrames: {min: 50, max: 20}
      SeriesDescription: {matches: "(contrast"}
    run: denoise
    options: {strength: 7}
    send_to: [archive, achive]
  - name: second
    when:
      Modality: US
      all:
        - Modality: MR
    run: denoize
    send_to: []
"""


def test_ten_mistakes_are_ten_errors_each_at_its_place(problems):
    found = problems(TEN_MISTAKES)
    expected = [
        (2, 13, "21 characters"),
        (3, 9, "from 1 to 65535"),
        (4, 3, "did you mean 'series_complete_after'?"),
        (10, 7, "did you mean 'Modality'?"),
        (11, 29, "min 50 is greater than max 20"),
        (12, 36, "no regular expression: missing )"),
        (14, 15, "option strength of denoise: needs a number from 0 to 1"),
        (15, 24, "did you mean 'archive'?"),
        (20, 11, "rule 'second' can never match: Modality equals 'MR' contradicts Modality equals 'US' on line 18"),
        (21, 10, "did you mean 'denoise'?"),
    ]
    assert [(line, column) for line, column, _ in found] == [(line, column) for line, column, _ in expected]
    for (_, _, message), (_, _, part) in zip(found, expected, strict=True):
        assert part in message


def test_the_error_is_one_text_with_file_line_and_column(load, tmp_path):
    with pytest.raises(ConfigurationError) as raised:
        load("node: {port: x}\nrules: 3\n")
    assert str(raised.value).splitlines() == [
        f"{tmp_path}/routing.yaml:1:14: port is 'x', which is no whole number: needs a port from 1 to 65535",
        f"{tmp_path}/routing.yaml:2:8: rules is '3': needs a list: each rule with '- ' before its first key",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "node:\n", "node: {}\npeers: {}\nrules: []\n", "rules:\n"])
def test_an_empty_file_is_a_node_with_defaults(load, tmp_path, text):
    config = load(text)
    assert config.node == replace(NodeSettings(), data_dir=tmp_path / "var")
    assert (dict(config.peers), config.rules, config.path) == ({}, (), tmp_path / "routing.yaml")


def test_the_defaults_that_the_reference_shows_are_those_that_hold(load):
    lines = [f"  {field.key}: {field.default}" for field in FIELDS["node"] if field.key != "uid_namespace"]
    assert load("node:\n" + "\n".join(lines)) == load("")
    nested = {name: {f.key: f.default for f in FIELDS[name]} for name in ("node.accept", "node.timeouts")}
    written = "node:\n" + "".join(
        f"  {name.split('.')[1]}: {{{', '.join(f'{k}: {v}' for k, v in keys.items())}}}\n"
        for name, keys in nested.items()
    )
    assert load(written) == load("")
    retry = ", ".join(f"{field.key}: {field.default}" for field in FIELDS["peers.NAME.retry"])
    peer = "peers: {{a: {{ae_title: A, host: h, port: 104{}}}}}"
    assert load(peer.format(f", retry: {{{retry}}}")) == load(peer.format(""))
    assert load(peer.format("")).peers["a"] == Peer("a", "A", "h", 104, calling_ae="DICOM_NODE")


REVIEWED = "rules:\n  - {{name: a, when: {{Modality: US}}, run: denoise, send_to: [], review: {}}}\n"


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("{}", ReviewTerms()),
        ("", ReviewTerms()),
        ("{required: auto, draft: send, on_reject: key_object}", ReviewTerms()),
        ("always", ReviewTerms(required="always")),
        ("{draft: hold, on_reject: nothing}", ReviewTerms(draft="hold", on_reject="nothing")),
    ],
)
def test_review_is_a_section_or_one_word(load, written, means):
    assert load(REVIEWED.format(written)).rules[0].review == means


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("alway", {"alway": "review is 'alway': needs auto, always or never; did you mean 'always'?"}),
        (
            "{draf: hold, required: maybe, on_reject: [a]}",
            {
                "draf": "unknown key 'draf' in review: needs required, draft or on_reject; did you mean 'draft'?",
                "maybe": "required is 'maybe': needs auto, always or never",
                "[a]": "on_reject is a list: needs key_object or nothing",
            },
        ),
        (
            "{required: never, draft: hold}",
            {"draft": "required is never, so draft of review would do nothing: leave it out"},
        ),
    ],
)
def test_mistakes_in_review_are_told_at_their_places(problems, written, told):
    text = REVIEWED.format(written)
    line = text.splitlines()[1]
    assert problems(text) == [(2, line.index(word) + 1, message) for word, message in told.items()]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (ReviewTerms("never"), ReviewTerms("never"), ReviewTerms("never")),
        (ReviewTerms("never"), ReviewTerms("auto"), ReviewTerms("auto")),
        (ReviewTerms("never"), ReviewTerms("always"), ReviewTerms("always")),
        (
            ReviewTerms("auto", "hold", "nothing"),
            ReviewTerms("auto", "send", "nothing"),
            ReviewTerms("auto", "hold", "nothing"),
        ),
        (ReviewTerms("auto", "send", "nothing"), ReviewTerms(), ReviewTerms()),
    ],
)
def test_the_stricter_of_two_terms_holds_whichever_comes_first(one, other, both):
    assert one.stricter(other) == other.stricter(one) == both


def test_every_setting_arrives_in_its_unit(load, tmp_path):
    config = load(
        """
        node:
          ae_title: "AI NODE"
          bind: 0.0.0.0
          port: "104"
          data_dir: /var/lib/dicom-node
          accept: {calling_ae: [PACS], called_ae: [AI NODE], networks: [10.1.0.0/16, "fd00::/8", 192.0.2.7]}
          series_complete_after: 500ms
          study_complete_after: 2 min
          workers: 3
          job_time_limit: 1h
          job_memory_limit: 1GB
          min_free: 20 GiB
          max_pdu: 64KiB
          max_associations: 5
          timeouts: {acse: 5s, dimse: 10s, network: 1 min}
          uid_namespace: 123e4567-e89b-42d3-a456-426614174000
          engine: local
        peers:
          pacs:
            ae_title: PACS
            host: pacs.example.org
            port: 11112
            calling_ae: AI_OUT
            retry: {first: 1s, factor: 1.5, max: 1 min, give_up_after: never}
            timeout: 5s
            exclude: [SegmentationStorage, 1.2.840.10008.5.1.4.1.1.88.34, density_map]
            viewer: ohif
        """
    )
    assert config.node == NodeSettings(
        ae_title="AI NODE",
        bind="0.0.0.0",
        port=104,
        data_dir=Path("/var/lib/dicom-node"),
        accept=Accept(
            ("PACS",), ("AI NODE",), (ip_network("10.1.0.0/16"), ip_network("fd00::/8"), ip_network("192.0.2.7/32"))
        ),
        series_complete_after_s=0.5,
        study_complete_after_s=120.0,
        workers=3,
        job_time_limit_s=3600.0,
        job_memory_limit_mib=954,
        min_free_mib=20480,
        max_pdu=65536,
        max_associations=5,
        timeouts=Timeouts(5.0, 10.0, 60.0),
        uid_namespace=UUID("123e4567-e89b-42d3-a456-426614174000"),
    )
    assert config.peers["pacs"] == Peer(
        name="pacs",
        ae_title="PACS",
        host="pacs.example.org",
        port=11112,
        calling_ae="AI_OUT",
        retry=Retry(1.0, 1.5, 60.0, math.inf),
        timeout_s=5.0,
        exclude=("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.34", "density_map"),
        viewer=Viewer.OHIF,
    )


def test_a_rule_arrives_whole(load):
    (rule,) = load(
        """\
        peers: {archive: {ae_title: A, host: h, port: 104}}
        rules:
          - name: ulm
            when:
              SOPClassUID: UltrasoundMultiFrameImageStorage
              NumberOfFrames: {min: 50}
              any:
                - (0018,0010): {exists: true}
                - SeriesDescription: {matches: "(?i)ceus"}
            group: study
            run: denoise
            options: {strength: 0.5}
            send_to: [archive]
            priority: -5
            time_limit: 10 min
            memory_limit: 2GiB
        """,
        OneAlgorithm(),
    ).rules
    assert isinstance(rule.when, AllOf)
    sop_class, frames, either = rule.when.children
    assert isinstance(sop_class, Equals)
    assert sop_class.values == ("1.2.840.10008.5.1.4.1.1.3.1",)
    assert isinstance(frames, Range)
    assert (frames.minimum, frames.maximum, frames.line, frames.column) == (50, None, 6, 24)
    assert isinstance(either, AnyOf)
    assert [type(child) for child in either.children] == [Exists, Matches]
    assert (rule.name, rule.group, rule.run, rule.send_to, rule.line) == ("ulm", "study", "denoise", ("archive",), 3)
    assert dict(rule.options) == {"strength": 0.5}
    assert (rule.priority, rule.time_limit_s, rule.memory_limit_mib) == (-5, 600.0, 2048)


RULE = "rules:\n  - {name: a, when: {Modality: US}, run: denoise, send_to: [], %s}\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "part"),
    [
        ("nodes: {}\n", 1, 1, "unknown key 'nodes' in the file: needs node, peers or rules; did you mean 'node'?"),
        ("node: [a]\n", 1, 7, "node is a list: needs keys with values"),
        ("- a\n", 1, 1, "the file is a list"),
        ("node:\n  port: 1\n  port: 2\n", 3, 3, "'port' comes twice in node: the first is on line 2"),
        ("node: {series_complete_after: 10}\n", 1, 31, "which has no unit: needs a duration"),
        ("node: {min_free: 3 bananas}\n", 1, 18, "which has a unit that is not known: needs a size"),
        ("node: {ae_title: 'a\\b'}\n", 1, 18, "a character that AE titles cannot have"),
        ("node: {accept: {networks: [10.0.0.1/8]}}\n", 1, 28, "host bits set (the network is 10.0.0.0/8)"),
        ("node: {accept: {calling_ae: PACS}}\n", 1, 29, "calling_ae is 'PACS': needs a list"),
        ("node: {workers: many}\n", 1, 17, "needs auto, or a number from 1 to 64"),
        ("node: {engine: locla}\n", 1, 16, "needs local; did you mean 'local'?"),
        ("node: {port: }\n", 1, 13, "port is empty: needs a port"),
        ("node: {timeouts: {dimse: 1y}}\n", 1, 26, "dimse is '1y'"),
        ("node: {bind: 10.1.2}\n", 1, 14, "needs a host name or an IP address"),
        ("peers: {a: {ae_title: A, host: h}}\n", 1, 12, "peer a has no port: needs a port"),
        ("peers: {a b: {ae_title: A, host: h, port: 1}}\n", 1, 9, "the name of a peer is 'a b'"),
        ("peers: {a: {ae_title: A, host: 127.0.0.1, port: 11112}}\n", 1, 12, "is this node itself"),
        ("peers: {a: {ae_title: A, host: h, port: 1, exclude: [Segmentation Storage]}}\n", 1, 54, "needs a SOP class"),
        ("peers: {a: {ae_title: A, host: h, port: 1, viewer: OHIF}}\n", 1, 52, "needs standard or ohif; did you mean"),
        ("rules:\n  - {when: {Modality: US}, run: denoise, send_to: []}\n", 2, 5, "the rule has no name"),
        ("rules:\n  - {name: a, run: denoise, send_to: []}\n", 2, 5, "rule 'a' has no when: needs conditions"),
        (
            "rules:\n  - {name: a, when: {Modality: US}, run: denoise}\n",
            2,
            5,
            "rule 'a' has no send_to: needs a list: each the name of a peer",
        ),
        (RULE.replace("[]", "archive") % "priority: 1", 2, 60, "needs a list: the name of a peer, such as [archive]"),
        ("rules:\n  a: {run: b}\n", 2, 3, "needs a list: each rule with '- ' before its first key"),
        ("peers: [a]\n", 1, 8, "needs keys with values, without '- ' before them"),
        (RULE % "group: serie", 2, 71, "did you mean 'series'?"),
        (RULE % "options: {strenght: 1}", 2, 74, "option strenght of denoise: there is no such option"),
        (RULE % "options: 3", 2, 73, "needs the algorithm's options"),
        (RULE % "options: {strength: !!python/name:os.system x}", 2, 84, "tags are not supported"),
        (RULE % "priority: high", 2, 74, "priority is 'high', which is no whole number"),
        (RULE % "x: 1" + (RULE % "group: series").removeprefix("rules:\n"), 3, 12, "is that of the rule on line 2"),
        ("node: &a {}\npeers: *a\n", 2, 8, "aliases are not supported"),
        ("node: {ae_title: A\n", 1, 7, "is no YAML"),
        ("a: 1\n---\nb: 2\n", 2, 1, "is no YAML: a second document begins with ---"),
        ("node: \x07\n", 1, 7, "the character U+0007 is not allowed"),
        ("a: " + "[" * 60 + "]" * 60, 1, 43, "nested more than 40 levels"),
    ],
)
def test_each_mistake_is_told_at_its_place(problems, text, line, column, part):
    found = problems(text)
    assert any((at, col) == (line, column) and part in message for at, col, message in found), found


def test_a_file_that_is_no_utf8_or_not_there(tmp_path):
    path = tmp_path / "routing.yaml"
    with pytest.raises(ConfigurationError, match="cannot be read: No such file or directory; create it"):
        load_config(path, None)
    path.write_bytes(b"node:\n  ae_title: \xfcber\n")
    with pytest.raises(ConfigurationError, match=r"routing\.yaml:2:13: is no UTF-8 \(byte 0xFC\)"):
        load_config(path, None)
    path.write_bytes(b"\xef\xbb\xbfnode:\n  port: 104\n")
    assert load_config(path, None).node.port == 104


def test_a_broken_peer_may_still_be_named_by_a_rule(problems):
    found = problems(
        "peers: {archive: {ae_title: A}}\nrules:\n"
        "  - {name: a, when: {Modality: US}, run: denoise, send_to: [archive]}\n"
    )
    assert [message for _, _, message in found] == [
        "peer archive has no host: needs a host name or an IP address",
        "peer archive has no port: needs a port from 1 to 65535",
    ]


def test_a_rule_for_an_ae_title_that_may_not_send(problems):
    found = problems(
        "node:\n  accept: {calling_ae: [PACS]}\nrules:\n"
        "  - {name: a, when: {calling_ae: US1}, run: denoise, send_to: []}\n"
    )
    assert found == [
        (4, 22, "rule 'a' can never match: calling_ae equals 'US1' contradicts calling_ae equals 'PACS' on line 2")
    ]


def test_options_that_mean_the_same_are_the_same_whichever_are_written(load):
    text = (RULE % "priority: 1") + (RULE % "options: {strength: 0.5}").removeprefix("rules:\n").replace("a,", "b,", 1)
    first, second = load(text, OneAlgorithm()).rules
    assert first.options == second.options == {"strength": 0.5}


def test_result_uids_of_two_nodes_differ(load):
    assert load("node: {ae_title: A}").node.uid_namespace != load("node: {ae_title: B}").node.uid_namespace


def test_the_shipped_file_holds_and_so_do_its_commented_examples(tmp_path):
    from dicom_node.plugins import Catalogue

    shipped = ROOT / "routing.yaml"
    runs = ["ulm_decoupling", "lv_quantification", "mmode_ef", "virtual_elastography", "ovarian_classification"]
    assert [rule.run for rule in load_config(shipped, Catalogue()).rules] == runs
    text = shipped.read_text()
    commented = text.index("#  - name")
    path = tmp_path / "routing.yaml"
    path.write_text(text[:commented] + text[commented:].replace("\n#", "\n").removeprefix("#"))
    assert len(load_config(path, Catalogue()).rules) == len(runs) + 1


KEYS = [field.key for fields in FIELDS.values() for field in fields]
WORDS = st.one_of(
    st.sampled_from(
        [*KEYS, "node", "peers", "rules", "any", "all", "not", "min", "max", "exists", "matches", "equals"]
    ),
    st.sampled_from(
        ["Modality", "NumberOfFrames", "SOPClassUID", "SequenceOfUltrasoundRegions.X", "(0018,0010)", "10s"]
    ),
    st.text(max_size=6),
)
TREES = st.recursive(
    st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=15,
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("hypothesis") / "routing.yaml"


def load_or_tell(path, data):
    path.write_bytes(data)
    try:
        load_config(path, OneAlgorithm())
    except ConfigurationError as error:
        problems = error.problems
    else:
        return
    assert problems
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in problems)


@settings(deadline=None)
@given(st.one_of(st.text(st.sampled_from("ab:-[]{}#&*!|>'\"%@`,?\n \t0.~<=")), st.text()).map(str.encode))
@example(b"&a [*a]")
@example(b"? [a]\n: b")
@example(b"<<: {a: 1}")
@example(b"rules: [{name: 2020-13-45, when: {NumberOfFrames: {min: 1e999}}}]")
@example(b"!!binary x: !!int y")
def test_no_text_breaks_the_reader(scratch, data):
    load_or_tell(scratch, data)


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_no_bytes_break_the_reader(scratch, data):
    load_or_tell(scratch, data)


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={"node": TREES, "peers": TREES, "rules": st.lists(TREES, max_size=2)}))
def test_no_structure_breaks_the_reader(scratch, tree):
    load_or_tell(scratch, yaml.safe_dump(tree, allow_unicode=False).encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(TREES)
def test_no_condition_breaks_the_reader(scratch, tree):
    rules = {"rules": [{"name": "a", "when": tree, "run": "denoise", "send_to": []}]}
    load_or_tell(scratch, yaml.safe_dump(rules).encode("utf-8", "surrogatepass"))


def test_candidates_are_prepared_as_often_as_the_file_says(load):
    plans = load("node: {candidates: {denoise: {every: 7 days, at_least: 50}}}\n").node.candidates
    assert dict(plans) == {"denoise": CandidatePlan(every_s=7 * 86400.0, at_least=50)}


def test_mistakes_in_candidates_are_told_with_their_places(problems):
    assert problems("node: {candidates: {denoise: {every: soon}, nobody: {every: 1h, at_least: 0}}}\n") == [
        (1, 30, "candidates of denoise has no at_least: needs a number from 1 to 1000000"),
        (1, 38, "every is 'soon': needs a duration of at least 1s, such as 10 min, 12h or 7 days, or never"),
        (1, 75, "at_least is '0', which is too small: needs a number from 1 to 1000000"),
    ]
    (told,) = problems("node: {candidates: {denois: {every: 1h, at_least: 5}}}\n")
    assert "unknown algorithm 'denois' in candidates" in told[-1]
    assert "did you mean 'denoise'" in told[-1]
