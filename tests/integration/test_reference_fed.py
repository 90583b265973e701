"""Reference cases fed to the aggregator as readings: what is stored is what the case expects."""

import asyncio
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from cityvitals.catalogue.load import convert, load_catalogue
from cityvitals.domain.times import to_us
from cityvitals.settings import DatabaseSettings
from kpi_rules.built import unbuilt
from kpi_rules.facts import uses_of
from kpi_rules.model import Rule
from kpi_rules.present import find_band
from tests import plain
from tests.api_server import running_api
from tests.integration import aggregator_town
from tests.integration.aggregator_town import CITY, NOON, Row, Town, town
from tests.integration.by_hand import check
from tests.integration.fed_by_hand import GROUPS, Group
from tests.integration.fed_cases import FED, Fed, Said, station
from tests.reference.judge import matches
from tests.reference.mapping import load
from tests.reference.test_cases import CASES, RULES

_BY_ID: Final = {case["id"]: case for case in CASES}
_FACT: Final = (
    "insert into fact (city, zone, name, valid_from, value, unit, source, quality)"
    " select $1, zone, $2, '2020-01-01Z', $3, $4, 'the case', 'measured'"
    " from unnest(array['', 'north']) as zone"
)

_DATED: Final = (
    "insert into fact (city, zone, name, valid_from, value, unit, source, quality)"
    " values ($1, '', $2, $5, $3, $4, 'the case', 'measured')"
)
_STORED: Final = (
    "select value, reason from indicator where rule = $1 and zone = '' and closed"
    " and window_begin = $2 order by revision desc limit 1"
)


def standard_of(rule: Rule) -> tuple[str, str, str] | None:
    found = rule.standard
    return (found.body, found.document, found.edition) if found else None


def test_every_standard_that_is_run_is_fed() -> None:
    mappings = load()
    found = (mappings.find(case, RULES) for case in CASES)
    rules = [RULES[one.rule] for one in found if one and one.rule in RULES]
    with_cases = {standard_of(rule) for rule in rules if not unbuilt(rule)}
    fed = {standard_of(_rule_of(one)) for one in FED}
    assert fed == with_cases
    by_hand = {standard_of(RULES[each]) for group in GROUPS.values() for each in group.values}
    live = {standard_of(rule) for rule in RULES.values() if not unbuilt(rule)}
    assert (fed | by_hand) - {None} == live - {None}


def _rule_of(fed: Fed) -> Rule:
    found = load().find(_BY_ID[fed.case], RULES)
    assert found is not None
    return RULES[found.rule]


@pytest.mark.parametrize("fed", FED, ids=[one.case for one in FED])
def test_readings_give_what_the_case_expects(
    fed: Fed, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, rule = _BY_ID[fed.case], _rule_of(fed)
    said = fed.said(case["inputs"])
    for quantity in said:
        monkeypatch.setitem(aggregator_town.STATIONS, quantity, station(quantity, fed.step_s))

    async def main() -> None:
        async with town(database, more=(rule,)) as where:
            await where.found(stations=said)
            await where.remember()
            await _feed(where, fed)
            await where.settle(400)
            stored = await where.pool.fetch(_STORED, rule.id, fed.window)
            assert stored, await where.pool.fetch("select rule, window_begin from indicator")
            _check(case, fed, rule, stored[0]["value"])
            assert not (await where.verify()).differences

    asyncio.run(main())
    _explain(database, fed, rule)


def _explain(database: DatabaseSettings, fed: Fed, rule: Rule) -> None:
    """What the API tells of the window, worked out by hand, gives its value."""
    path = f"/v1/cities/{CITY}/indicators/{rule.id}/explain"
    with running_api(database) as base:
        answer = plain.get(f"{base}{path}", params={"at": fed.window.isoformat()}, timeout=60)
    assert answer.status_code == 200, answer.text
    check(answer.json())


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS.keys())
def test_readings_give_what_was_worked_out_by_hand(
    group: Group, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for quantity in group.said:
        monkeypatch.setitem(aggregator_town.STATIONS, quantity, station(quantity, group.step_s))
    rules = tuple(RULES[each] for each in group.values)

    async def main() -> None:
        async with town(database, more=rules) as where:
            await where.found(stations=group.said)
            await _say_facts(where, rules, group.facts)
            await _say(where, group.said, group.begin, group.step_s)
            await where.settle(400)
            for rule, value in group.values.items():
                rows = await where.pool.fetch(_STORED, rule, group.begin)
                assert rows and rows[0]["value"] == pytest.approx(value, rel=1e-9), (rule, rows)
            assert not (await where.verify()).differences

    asyncio.run(main())


async def _feed(where: Town, fed: Fed) -> None:
    given = _BY_ID[fed.case]["inputs"]
    await _say_facts(where, (_rule_of(fed),), fed.facts(given))
    units = {use.name: use.unit for use in _rule_of(fed).facts}
    for name, values in fed.dated(given).items():
        for number, value in enumerate(values):
            at = fed.window + timedelta(days=number, hours=12)
            await where.pool.execute(_DATED, CITY, name, float(value), units[name], at)
    await _say(where, fed.said(given), fed.begin or fed.window, fed.step_s)


async def _say_facts(where: Town, rules: Iterable[Rule], facts: Mapping[str, float]) -> None:
    units = {use.name: use.unit for rule in rules for use in uses_of(rule)}
    for name, value in facts.items():
        await where.pool.execute(_FACT, CITY, name, float(value), units[name])


async def _say(where: Town, said: Mapping[str, Said], begin: datetime, step_s: float) -> None:
    first, step = to_us(begin) - NOON, round(step_s * 1e6)
    rows = [
        Row(quantity, first + number * step, float(value))
        for quantity, values in said.items()
        for number, value in enumerate(values)
        if value is not None
    ]
    for at in range(0, len(rows), 10_000):
        await where.write(rows[at : at + 10_000])


def _check(case: dict[str, Any], fed: Fed, rule: Rule, value: float | None) -> None:
    if fed.index is not None:
        assert value == fed.index
        return
    found = load().find(case, RULES)
    assert found is not None
    keys = fed.keys or tuple(set(found.expected) & set(case["expected"]))
    assert keys
    for key in keys:
        said = _said(rule, found.expected[key], value)
        assert matches(case, key, said), f"{key}: {said}, expected {case['expected'][key]}"


def _said(rule: Rule, wanted: Any, value: float | None) -> Any:
    """A stored value as a case's word for it has it: a number, a band, or in another unit."""
    number = math.nan if value is None else value
    if wanted == "band" or (isinstance(wanted, dict) and "band" in wanted):
        band = find_band(rule.body()["bands"], value)
        return band if wanted == "band" else float(band == wanted["band"])
    if isinstance(wanted, dict):
        assert wanted["is"] == "value"
        units = load_catalogue()
        conversion = convert(units.units[rule.unit], units.units[wanted["unit"]])
        assert conversion is not None
        return number * conversion.scale + conversion.offset
    assert wanted == "value", f"nothing stored is called {wanted}"
    return number
