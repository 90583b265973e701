"""The catalogue of rules as a page to read: docs/catalogue.md is made by this, never by hand."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from kpi_rules.absent import absent
from kpi_rules.alerts.model import AlertRule
from kpi_rules.alerts.page import alert_section
from kpi_rules.built import unbuilt
from kpi_rules.model import Input, Rule
from kpi_rules.scorecard.model import Scorecard
from kpi_rules.scorecard.page import counts, section
from kpi_rules.words import Verified

_HEAD: Final = """# Catalogue

Every shipped rule, every KPI of U4SSC, every alert rule: what it says, from which standard, and how
well we know it. [rules.md](rules.md) says how to read a formula. This page is made from
`kpi_rules/` by
`cityvitals rules catalogue --output docs/catalogue.md`.
"""
_GRADES: Final = {
    Verified.TEXT: "the text of the definition was read",
    Verified.SECOND_HAND: "a public transcription was read",
    Verified.PARTIAL: "title or unit were read, the rest is inferred",
    Verified.MEMORY: "from memory, not checked",
    Verified.OWN: "our own, no outside text defines it",
}


def catalogue(rules: Iterable[Rule], card: Scorecard, alerts: Iterable[AlertRule] = ()) -> str:
    """The page, in Markdown."""
    ordered = sorted(rules, key=lambda rule: (rule.domain, rule.id))
    running = (rule.id for rule in ordered if not unbuilt(rule))
    lines = [_HEAD, *counts(card, running), *_counts(ordered)]
    for domain, group in groupby(ordered, key=lambda rule: rule.domain):
        lines.append(f"\n## {str(domain).capitalize()}\n")
        for rule in group:
            lines += _entry(rule)
    lines += absent()
    lines += section(card)
    lines += alert_section(alerts)
    return "\n".join(lines) + "\n"


def _counts(rules: list[Rule]) -> Iterator[str]:
    idle = sum(1 for rule in rules if unbuilt(rule))
    yield f"{len(rules)} rules: {len(rules) - idle} are run, {idle} are not run yet.\n"
    yield "| how well known | rules |"
    yield "|---|---|"
    found = Counter(rule.verified for rule in rules)
    for grade, meaning in _GRADES.items():
        if found[grade]:
            yield f"| `{grade}`: {meaning} | {found[grade]} |"


def _entry(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}\n"
    unit = "" if rule.unit == "1" else f", in `{rule.unit}`"
    yield f"{rule.title}{unit}, per {_window(rule)}{_validity(rule)}.\n"
    yield f"- `{_flat(rule.expression)}`{_rounded(rule)}"
    for part in rule.parts:
        yield f"  - `{part.name} = {_flat(part.expression)}`"
    for one in rule.inputs:
        yield f"  - `{one.name}`: {described(one)}"
    for fact in rule.facts:
        yield f"  - `{fact.name}`: a figure of the city, in `{fact.unit}`"
    for constant in rule.constants:
        yield f"  - `{constant.name}` = {constant.value:g} `{constant.unit}`"
    if rule.standard is not None:
        standard = rule.standard
        yield f"- {standard.body}, {standard.document}, {standard.clause} ({standard.edition})"
    yield f"- {_flat(rule.source)} (`{rule.verified}`)"
    if reason := unbuilt(rule):
        yield f"- not run yet: {reason}"
    yield ""


def described(one: Input) -> str:
    """An input in words: from its statistic down to the quantity."""
    said = [f"{one.statistic}"]
    said += [f"of each {level.length}'s {level.statistic}" for level in reversed(one.levels)]
    window = f" over {one.length}" if one.length else ""
    return f"{' '.join(said)} of `{one.quantity}`{window}, in `{one.seen_in}`"


def _window(rule: Rule) -> str:
    return f"{rule.window.length} ({rule.window.clock} clock)"


def _validity(rule: Rule) -> str:
    since = f", from {rule.valid_from}" if rule.valid_from else ""
    until = f", until {rule.valid_to}" if rule.valid_to else ""
    return since + until


def _rounded(rule: Rule) -> str:
    if rule.rounding is None:
        return ""
    return f", rounded {rule.rounding.mode} to {rule.rounding.digits} decimals"


def _flat(text: str) -> str:
    return " ".join(text.split())
