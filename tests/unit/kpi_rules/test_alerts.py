"""Alert rules: what is in order, what is refused and how, what stays in force."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kpi_rules.alerts.in_force import StoredAlert, settle_alerts
from kpi_rules.alerts.load import LoadedAlerts, load_alerts, read_alerts, read_body
from kpi_rules.alerts.model import AlertRule, Severity, Side, Zones
from kpi_rules.load import load_rules

UNITS = {"air.no2.hour": "ug/m3"}
ONE = """
[[alert]]
id = "own.no2"
revision = 1
title = "NO2"
rule = "air.no2.hour"
above = 120
unit = "ug/m3"
severity = "warning"
source = "Ours."
"""
DOC = Path(__file__).parents[3] / "docs" / "alerts.md"


def read(text: str) -> LoadedAlerts:
    return read_alerts(text, "own.toml", UNITS)


def one() -> AlertRule:
    (found,) = read(ONE).alerts
    return found


def stored(alert: AlertRule) -> StoredAlert:
    body = json.loads(json.dumps(alert.body()))
    return StoredAlert(alert.id, alert.revision, alert.digest, body, alert.file)


def test_shipped_alert_rules_are_in_order_and_at_an_edge_of_their_rules_bands() -> None:
    rules = {rule.id: rule for rule in load_rules()}
    loaded = load_alerts(None, list(rules.values()))
    assert loaded.problems == ()
    assert len(loaded.alerts) > 15
    for alert in loaded.alerts:
        if alert.standard and alert.standard.body == "European Union":
            edges = {band.to for band in rules[alert.rule].bands}
            assert alert.threshold in edges, alert.id
    three = next(alert for alert in loaded.alerts if alert.id == "eu.o3.action")
    assert (three.windows, three.threshold, three.severity) == (3, 240.0, Severity.CRITICAL)


def test_what_is_left_out_is_plain() -> None:
    alert = one()
    assert (alert.side, alert.threshold, alert.clear) == (Side.ABOVE, 120.0, 120.0)
    assert (alert.windows, alert.clear_windows, alert.zones) == (1, 1, Zones.ALL)
    assert alert.watches("anywhere", "")
    assert not alert.is_beyond(120.0)
    assert alert.is_clear(120.0)


def test_the_example_of_the_page_is_in_order() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", DOC.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    found = read(text)
    assert found.problems == ()
    (alert,) = found.alerts
    assert alert.watches("vitalia", "hafen")
    assert not alert.watches("vitalia", "")
    assert not alert.watches("ferrara", "hafen")


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('id = "own.no2"', 'id = "nodot"', "own.toml:3: alert 'nodot': id: expected"),
        ('id = "own.no2"', "", "alert 'number 1': id: missing"),
        ("above = 120", "", "alert 'own.no2': above: expected either `above` or `below`"),
        ("above = 120", "above = 1\nbelow = 2", "above: expected either `above` or `below`"),
        ("above = 120", "above = nan", "above: expected a finite number"),
        ("above = 120", "above = 120\nclear = 121", "clear: expected no number above the"),
        ("above = 120", "below = 120\nclear = 119", "clear: expected no number below the"),
        ('rule = "air.no2.hour"', 'rule = "air.x"', "rule: there is no rule 'air.x'"),
        ('unit = "ug/m3"', 'unit = "mg/m3"', 'unit: expected "ug/m3", as air.no2.hour has it'),
        ('severity = "warning"', 'severity = "red"', 'severity: expected one of "notice"'),
        ("revision = 1", "revision = 1\nwindows = 0", "windows: expected a whole number from 1"),
        ("revision = 1", 'revision = 1\nzones = "some"', 'zones: expected one of "all", "city"'),
        ("revision = 1", "revision = 1\nzones = []", "zones: expected at least one zone"),
        ("revision = 1", 'revision = 1\nzones = ["a b"]', "zones: expected ids of zones"),
        ("revision = 1", 'revision = 1\ncities = ["a/b"]', "cities: expected ids of cities"),
        ("revision = 1", "revision = 1\ncolour = 5", "colour: unknown key"),
        ('source = "Ours."', "", "source: missing"),
    ],
)
def test_what_is_wrong_is_named(was: str, becomes: str, says: str) -> None:
    found = read(ONE.replace(was, becomes))
    assert found.alerts == ()
    (problem,) = found.problems
    assert problem.message.startswith("own.toml")
    assert says in problem.message


def test_a_wrong_one_keeps_none_but_itself_away() -> None:
    found = read(ONE + ONE + ONE.replace("own.no2", "own.other"))
    assert [alert.id for alert in found.alerts] == ["own.no2", "own.other"]
    assert ["already in this file" in one.message for one in found.problems] == [True]
    broken = read(ONE + "[[alert]")
    assert broken.problems[0].whole
    assert broken.problems[0].ids == ("own.no2",)


def test_a_folder_of_ones_own_comes_beside_the_shipped_ones(tmp_path: Path) -> None:
    folder = tmp_path / "alerts"
    folder.mkdir()
    (folder / "own.toml").write_text(ONE, "utf-8")
    (folder / "twice.toml").write_text(ONE.replace("own.no2", "eu.o3.alert"), "utf-8")
    loaded = load_alerts(tmp_path, load_rules())
    assert "own.no2" in {alert.id for alert in loaded.alerts}
    (problem,) = loaded.problems
    assert "'eu.o3.alert': id: already in alerts/eu.toml" in problem.message


def test_a_body_is_read_back_as_it_was() -> None:
    for alert in (one(), replace(one(), zones=("a", "b"), cities=("c",))):
        kept = stored(alert)
        assert read_body(kept.body, kept.file) == alert
    for alert in load_alerts(None, load_rules()).alerts:
        kept = stored(alert)
        assert read_body(kept.body, kept.file).digest == alert.digest


def test_the_last_good_one_stays_in_force() -> None:
    before = one()
    changed = read(ONE.replace("120", "90"))
    book = settle_alerts(changed, [stored(before)])
    assert book.alerts == (before,)
    assert "raise `revision`) (alert" not in book.complaints[0]
    assert "raise `revision` (alert own.no2: revision 1 stays in force)" in book.complaints[0]
    for text in (ONE.replace("120", "nan"), "[[alert"):
        book = settle_alerts(read(text), [stored(before)])
        assert book.alerts == (before,)
        assert "stays in force" in book.complaints[0]
    raised = read(ONE.replace("120", "90").replace("revision = 1", "revision = 2"))
    assert settle_alerts(raised, [stored(before)]) == (raised.alerts, ())
    assert settle_alerts(read(""), [stored(before)]) == ((), ()), "taken away is taken away"
