"""What every rule said of a series or a study: kept with each routing, printed by ``explain``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicom_node.conditions import ALL_OF, Facts, Trace, evaluate
from dicom_node.config import Rule
from dicom_node.config.dictionary import uid_name

_SHOWN = 3
"""Different values, and different failures, that a trace lists."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One instance of a unit: its facts, or why it is not judged."""

    uid: str
    facts: Facts | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ConditionVerdict:
    """One condition over all instances: how many passed, and the values that it saw, most frequent first."""

    line: int
    depth: int
    text: str
    passed: int
    seen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """One rule: the instances that it takes, or the first condition that failed and what it saw."""

    rule: str
    line: int
    algorithm: str
    instances: tuple[str, ...]
    failed: tuple[str, ...]
    conditions: tuple[ConditionVerdict, ...]

    @property
    def matched(self) -> bool:
        return bool(self.instances)


@dataclass(frozen=True, slots=True)
class Explanation:
    """All rules of one unit. ``unreadable``: (instance or file, reason) of what could not be read or is not routed."""

    kind: str
    uid: str
    instances: int
    unreadable: tuple[tuple[str, str], ...]
    rules: tuple[RuleVerdict, ...]

    @property
    def matched(self) -> int:
        """How many rules matched."""
        return sum(verdict.matched for verdict in self.rules)

    def as_json(self) -> dict[str, Any]:
        """What the column ``routings.trace`` holds and ``explain --json`` prints."""
        return {
            "kind": self.kind,
            "uid": self.uid,
            "instances": self.instances,
            "unreadable": [{"what": what, "reason": reason} for what, reason in self.unreadable],
            "matched": self.matched,
            "rules": [
                {
                    "rule": verdict.rule,
                    "line": verdict.line,
                    "algorithm": verdict.algorithm,
                    "matched": verdict.matched,
                    "instances": len(verdict.instances),
                    "failed": list(verdict.failed),
                    "conditions": [
                        {
                            "line": condition.line,
                            "depth": condition.depth,
                            "condition": condition.text,
                            "passed": condition.passed,
                            "seen": list(condition.seen),
                        }
                        for condition in verdict.conditions
                    ],
                }
                for verdict in self.rules
            ],
        }


def explain_unit(kind: str, uid: str, candidates: Sequence[Candidate], rules: Sequence[Rule]) -> Explanation:
    """Tries every rule of the unit's kind on every instance.

    Args:
        kind: "series" or "study".
        uid: of the series or study.
        candidates: its instances that may be routed.
        rules: all rules; those of the other kind are left out.
    """
    unreadable = tuple((candidate.uid, candidate.problem) for candidate in candidates if candidate.facts is None)
    readable = [candidate for candidate in candidates if candidate.facts is not None]
    verdicts = tuple(_verdict(rule, readable) for rule in rules if rule.group == kind)
    return Explanation(kind, uid, len(candidates), unreadable, verdicts)


def _verdict(rule: Rule, candidates: Sequence[Candidate]) -> RuleVerdict:
    traces = [evaluate(rule.when, candidate.facts, uid_name) for candidate in candidates if candidate.facts]
    passed = sorted(candidate.uid for candidate, trace in zip(candidates, traces, strict=True) if trace.passed)
    failures = Counter(_failure_text(failure) for trace in traces if (failure := trace.first_failure()))
    return RuleVerdict(
        rule.name,
        rule.line,
        rule.run,
        tuple(passed),
        _most_frequent(failures, " of the instances") if candidates else ("none of the instances can be judged",),
        _conditions(traces),
    )


def _failure_text(failure: Trace) -> str:
    return f"line {failure.line}: {failure.text}: saw {failure.seen}"


def _conditions(traces: Sequence[Trace]) -> tuple[ConditionVerdict, ...]:
    """The trees of all instances, which have one shape, laid over each other; an outermost "all of" goes unsaid."""
    verdicts = []
    hidden = 1 if traces and traces[0].wanted == ALL_OF else 0
    for nodes in zip(*(trace.walk(-hidden) for trace in traces), strict=True):
        depth, first = nodes[0]
        if depth < 0:
            continue
        seen = Counter(trace.seen for _, trace in nodes if trace.path)
        passed = sum(trace.passed for _, trace in nodes)
        text = first.wanted if first.children else first.text
        verdicts.append(ConditionVerdict(first.line, depth, text, passed, _most_frequent(seen, "")))
    return tuple(verdicts)


def _most_frequent(counts: Counter[str], of_what: str) -> tuple[str, ...]:
    total = sum(counts.values())
    shown = [text if count == total else f"{text} ({count}{of_what})" for text, count in counts.most_common(_SHOWN)]
    more = len(counts) - len(shown)
    return (*shown, f"and {more} more") if more else tuple(shown)


def explanation_text(explanation: Explanation) -> str:
    """The explanation in plain lines."""
    return trace_text(explanation.as_json())


def trace_text(trace: Mapping[str, Any]) -> str:
    """The same of a kept trace (``Explanation.as_json``)."""
    lines = []
    if trace["uid"]:
        rules = trace["rules"]
        lines.append(
            f"{trace['kind']} {trace['uid']}: {_counted(trace['instances'], 'instance')}, "
            f"{trace['matched']} of {_counted(len(rules), 'rule')} matched"
        )
    for unreadable in trace["unreadable"]:
        lines.append(f"  ! {unreadable['what']}: {unreadable['reason']}")
    for rule in trace["rules"]:
        lines.extend(_rule_lines(rule, trace["instances"], trace["instances"] - len(trace["unreadable"])))
    return "\n".join(lines)


def _rule_lines(rule: Mapping[str, Any], instances: int, readable: int) -> list[str]:
    head = f"{rule['rule']} (line {rule['line']})"
    if rule["matched"]:
        job = f", job {rule['job']}" if rule.get("job") is not None else ""
        taken = f"{rule['instances']} of {_counted(instances, 'instance')}"
        lines = [f"  + {head}: matched; {taken} to {rule['algorithm']}{job}"]
    else:
        lines = [f"  - {head}: did not match", *(f"      {failure}" for failure in rule["failed"])]
    for condition in rule["conditions"]:
        mark = "+" if condition["passed"] else "-"
        seen = f"; saw {', '.join(condition['seen'])}" if condition["seen"] else ""
        indent = "  " * condition["depth"]
        lines.append(
            f"      {mark} {condition['line']:>4} {indent}{condition['condition']}: "
            f"{condition['passed']} of {readable} passed{seen}"
        )
    return lines


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
