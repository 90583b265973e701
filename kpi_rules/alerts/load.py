"""Alert files to alert rules. A wrong one is named, and keeps none but itself from being read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from cityvitals.catalogue.entry import Entry, parse_toml
from cityvitals.catalogue.positions import Lines, steps
from cityvitals.domain.names import is_identifier
from cityvitals.errors import BadRule
from kpi_rules.alerts.model import AlertRule, Severity, Side, Zones
from kpi_rules.load import Problem
from kpi_rules.model import Rule
from kpi_rules.read_parts import read_standard

FOLDER: Final = "alerts"
"""Beside the shipped rules, and in a folder of one's own rules."""
MOST_WINDOWS: Final = 100
_ID: Final = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
"""With a dot: in a topic's last level words without one are others'."""
_MOST_ID: Final = 64
_ID_LINE: Final = re.compile(r'^\s*id\s*=\s*"([^"]+)"', re.MULTILINE)
_SEVERITIES: Final = {each.value: each for each in Severity}
_ZONES: Final = {each.value: each for each in Zones}


@dataclass(frozen=True, slots=True)
class LoadedAlerts:
    """Alert rules that are in order, sorted by id, and what is wrong with others."""

    alerts: tuple[AlertRule, ...]
    problems: tuple[Problem, ...]


def load_alerts(folder: Path | None, rules: Sequence[Rule]) -> LoadedAlerts:
    """The shipped alert rules and those of a folder of one's own rules.

    Args:
        folder: of one's own rules; its `alerts/*.toml` are read. None for the shipped ones alone.
        rules: whose indicators they may watch.
    """
    units = {rule.id: rule.unit for rule in rules}
    known: dict[str, AlertRule] = {}
    problems: list[Problem] = []
    for name, text in _texts(folder, problems):
        found = read_alerts(text, name, units)
        problems += found.problems
        for alert in found.alerts:
            if alert.id in known:
                said = f"{name}: alert '{alert.id}': id: already in {known[alert.id].file}"
                problems.append(Problem(name, (), said))
            else:
                known[alert.id] = alert
    return LoadedAlerts(tuple(known[each] for each in sorted(known)), tuple(problems))


def _texts(folder: Path | None, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    shipped = files("kpi_rules").joinpath(FOLDER).iterdir()
    for each in sorted(shipped, key=lambda file: file.name):
        if each.name.endswith(".toml"):
            yield f"{FOLDER}/{each.name}", each.read_text("utf-8")
    if folder is None:
        return
    for path in sorted(folder.joinpath(FOLDER).glob("*.toml")):
        try:
            yield str(path), path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            said = f"{path}: cannot be read: {error}"
            problems.append(Problem(str(path), (), said, whole=True))


def read_alerts(text: str, name: str, units: Mapping[str, str]) -> LoadedAlerts:
    """The alert rules of one TOML text, and what is wrong with some of them.

    Args:
        text: of the file.
        name: of the file, for messages.
        units: of the rules whose indicators may be watched, by id.
    """
    try:
        table = parse_toml(text, name, BadRule)
        top = Entry(table, name, BadRule)
        count = sum(1 for _ in top.tables("alert"))
        top.finish()
    except BadRule as bad:
        ids = tuple(_ID_LINE.findall(text))
        return LoadedAlerts((), (Problem(name, ids, str(bad), whole=True),))
    lines, found, problems = Lines(text), dict[str, AlertRule](), list[Problem]()
    for index in range(count):
        entry = _entry(table["alert"][index], name, lines, index)
        try:
            alert = read_alert(entry, name, units)
            if alert.id in found:
                raise entry.fail("id", "already in this file")
        except BadRule as bad:
            label = table["alert"][index].get("id")
            ids = (label,) if isinstance(label, str) else ()
            problems.append(Problem(name, ids, str(bad)))
        else:
            found[alert.id] = alert
    return LoadedAlerts(tuple(found[each] for each in sorted(found)), tuple(problems))


def _entry(body: Mapping[str, Any], name: str, lines: Lines, index: int) -> Entry:
    label = body.get("id", f"number {index + 1}")

    def where(path: str) -> str:
        return f"{name}{lines.of(('alert', index, *steps(path)))}: alert '{label}'"

    return Entry(body, where, BadRule)


def read_alert(entry: Entry, file: str, units: Mapping[str, str]) -> AlertRule:
    """One alert rule.

    Raises:
        BadRule: naming file, line, alert, key, and what was expected.
    """
    side = _side(entry)
    threshold = entry.number(side)
    standard = entry.optional_table("standard")
    found = AlertRule(
        id=_id(entry),
        revision=entry.whole("revision", 1, 1_000_000),
        title=entry.text("title"),
        rule=entry.text("rule"),
        unit=entry.text("unit"),
        side=side,
        threshold=threshold,
        clear=entry.number("clear", default=threshold),
        windows=entry.whole("windows", 1, MOST_WINDOWS, 1),
        clear_windows=entry.whole("clear_windows", 1, MOST_WINDOWS, 1),
        severity=entry.choice("severity", _SEVERITIES),
        zones=_zones(entry),
        cities=_cities(entry),
        standard=None if standard is None else read_standard(standard),
        source=entry.text("source"),
        file=file,
    )
    entry.finish()
    _check(entry, found, units)
    return found


def _id(entry: Entry) -> str:
    found = entry.text("id")
    if len(found) > _MOST_ID or not _ID.fullmatch(found):
        wanted = "expected small letters, digits and _, with a dot between, such as own.no2"
        raise entry.fail("id", f"{wanted}, at most {_MOST_ID}, got {found!r}")
    return found


def _side(entry: Entry) -> Side:
    if entry.has("above") == entry.has("below"):
        raise entry.fail("above", "expected either `above` or `below`: the threshold")
    return Side.ABOVE if entry.has("above") else Side.BELOW


def _zones(entry: Entry) -> Zones | tuple[str, ...]:
    try:
        listed = entry.texts("zones")
    except BadRule:
        return entry.choice("zones", _ZONES)
    if not listed:
        if entry.has("zones"):
            raise entry.fail("zones", "expected at least one zone")
        return Zones.ALL
    for each in listed:
        if not is_identifier(each):
            raise entry.fail("zones", f'expected ids of zones, got {each!r} (or the word "city")')
    return tuple(sorted(set(listed)))


def _cities(entry: Entry) -> tuple[str, ...]:
    listed = entry.texts("cities")
    for each in listed:
        if not is_identifier(each):
            raise entry.fail("cities", f"expected ids of cities, got {each!r}")
    return tuple(sorted(set(listed)))


def _check(entry: Entry, found: AlertRule, units: Mapping[str, str]) -> None:
    if found.rule not in units:
        raise entry.fail("rule", f"there is no rule {found.rule!r}")
    if found.unit != units[found.rule]:
        wanted = f'expected "{units[found.rule]}", as {found.rule} has it, got {found.unit!r}'
        raise entry.fail("unit", wanted)
    if found.is_beyond(found.clear):
        side = "above" if found.side is Side.ABOVE else "below"
        wanted = f"expected no number {side} the threshold {found.threshold:g}"
        raise entry.fail("clear", f"{wanted}, got {found.clear:g}")


def read_body(body: Mapping[str, Any], file: str) -> AlertRule:
    """An alert rule from what `AlertRule.body` made of it; the other way round."""
    zones, standard = body["zones"], body["standard"]
    said = {
        "id": body["id"],
        "revision": body["revision"],
        "title": body["title"],
        "rule": body["rule"],
        "unit": body["unit"],
        body["side"]: body["threshold"],
        "clear": body["clear"],
        "windows": body["windows"],
        "clear_windows": body["clear_windows"],
        "severity": body["severity"],
        "zones": zones,
        "cities": body["cities"],
        "source": body["source"],
    }
    if standard is not None:
        said["standard"] = standard
    return read_alert(Entry(said, "stored", BadRule), file, {body["rule"]: body["unit"]})
