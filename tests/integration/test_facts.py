"""Facts stated, changed, back-dated and withdrawn: what depends on them is derived again, no more.

After every step `verify` recomputes everything, warrants too, and finds nothing.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from cityvitals.errors import BadRegistry
from cityvitals.settings import DatabaseSettings
from cityvitals.store.fact_file import apply_facts
from cityvitals.store.fact_list import in_force, read_facts
from cityvitals.store.registry_file import apply_registry
from kpi_rules.facts import wanted_units
from kpi_rules.load import read_rules
from kpi_rules.model import Rule
from tests.integration.aggregator_town import HOUR, MINUTE, NOON, Row, Town, samples, town

HEADER: Final = "zone,name,value,unit,valid_from,source,quality\n"
REGISTRY: Final = """
[city]
id = "town"
name = "Town"
time_zone = "Europe/Rome"
clock = "replay"
[[zone]]
id = "north"
[[zone]]
id = "south"
"""
RULE: Final = """
[[rule]]
id = "{id}"
revision = 1
title = "A test"
domain = "air"
unit = "{unit}"
digits = 3
window = {{ length = "hour", clock = "utc", fold = "buckets" }}
space = {{ zone = "mean", city = "mean", min_coverage = 0.0 }}
input = [{{ name = "pm", quantity = "pm2_5", statistic = "mean", min_coverage = 0.0 }}]
fact = [{facts}]
expression = "{expression}"
source = "test"
verified = "own"
"""
MONITORED: Final = "test.monitored.hour"
PLAIN: Final = "test.plain.hour"
LENGTHS: Final = """
{ name = "monitored_length", unit = "km" },
{ name = "street_length", unit = "km", of_city = true },
"""
TEXT: Final = RULE.format(
    id=MONITORED,
    unit="%",
    facts=LENGTHS,
    expression="pm / pm * monitored_length / street_length",
) + RULE.format(id=PLAIN, unit="ug/m3", facts="", expression="pm")
HOURS: Final = 7
"""Of readings: the last sample of the sixth holds into the seventh."""
ALONE: Final = "test.alone.hour"
OF_FACTS: Final = RULE.replace(
    'input = [{{ name = "pm", quantity = "pm2_5", statistic = "mean", min_coverage = 0.0 }}]\n', ""
).format(id=ALONE, unit="%", facts=LENGTHS, expression="monitored_length / street_length")
PLACES: Final = ("", "north", "south")


def rules() -> tuple[Rule, ...]:
    return read_rules(TEXT, "test.toml")


async def founded(where: Town, folder: Path) -> None:
    """The town with six hours of PM2.5 in both zones, settled."""
    where.rules = rules()
    path = folder / "town.toml"
    path.write_text(REGISTRY, "utf-8")
    await apply_registry(where.pool, path)
    await where.write([row for name in "ac" for row in samples(name, 0, 6 * HOUR)])
    await clean(where)


async def clean(where: Town) -> None:
    await where.settle()
    found = await where.verify()
    assert found.clean, found.as_text()


async def state(where: Town, folder: Path, *lines: str) -> int:
    """Apply lines of a CSV; how many changes there were."""
    path = folder / "facts.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines), "utf-8")
    wanted = wanted_units(where.rules)
    return (await apply_facts(where.pool, path, None, wanted)).changes


Shown = tuple[float | None, str, int, list[int] | None]
"""Value, reason, revision, facts."""


async def newest(where: Town, rule: str = MONITORED) -> dict[tuple[str, int], Shown]:
    """What is said of each zone's hours, by zone and hour after NOON."""
    rows = await where.pool.fetch(
        "select distinct on (zone, window_begin) zone, value, reason, revision, facts, "
        "(extract(epoch from window_begin) * 1000000)::bigint as begin "
        "from indicator where rule = $1 order by zone, window_begin, revision desc",
        rule,
    )
    return {(row["zone"], (row["begin"] - NOON) // HOUR): tuple(row)[1:5] for row in rows}


async def ids(where: Town) -> dict[tuple[str, str, float], int]:
    """Ids of facts as stated now, by name, zone and value."""
    rows = await where.pool.fetch("select * from fact where withdrawn_at is null")
    return {(row["name"], row["zone"], row["value"]): row["id"] for row in rows}


def test_what_is_missing_is_named_with_its_place(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await founded(where, tmp_path)
            await state(where, tmp_path, "north,monitored_length,3,km,,GIS,measured")
            await clean(where)
            found = await newest(where)
            assert {key: shown[:2] for key, shown in found.items() if key[1] == 0} == {
                ("", 0): (None, "no monitored_length in km is declared for the city"),
                ("north", 0): (None, "no street_length in km is declared for the city"),
                ("south", 0): (None, "no monitored_length in km is declared for zone south"),
            }
            mine = (await ids(where))["monitored_length", "north", 3.0]
            assert found["north", 0][3] == [mine]
            assert found["south", 0][3] == []

    asyncio.run(main())


WHOLE: Final = (
    ",street_length,20000,m,,GIS,measured",
    ",monitored_length,8,km,,GIS,measured",
    "north,monitored_length,5000,m,,GIS,measured",
    "south,monitored_length,3,km,,GIS,estimated",
)


@dataclass
class Stating:
    """The town, whose facts are changed step by step.

    Attributes:
        restarted: whether the aggregator begins anew after each step.
        said: what was said of each zone's hours after the step before.
    """

    where: Town
    folder: Path
    restarted: bool
    said: dict[tuple[str, int], Shown]

    async def then(self, *lines: str) -> dict[tuple[str, int], Shown]:
        """State these; what is said now where something else is said than before."""
        assert await state(self.where, self.folder, *lines) == len(lines)
        if self.restarted:
            self.where.worker = None
        await clean(self.where)
        before, self.said = self.said, await newest(self.where)
        return {key: shown for key, shown in self.said.items() if before.get(key) != shown}

    def values(self, hour: int) -> dict[str, float | None]:
        """Of an hour, by zone."""
        return {zone: self.said[zone, hour][0] for zone in PLACES}


def hours(*zones: str, since: int = 0) -> set[tuple[str, int]]:
    return {(zone, hour) for zone in zones for hour in range(since, HOURS)}


@pytest.mark.parametrize("restarted", [False, True])
def test_what_depends_on_a_fact_is_derived_again_and_nothing_else(
    database: DatabaseSettings,
    tmp_path: Path,
    restarted: bool,  # noqa: FBT001 - a case's name
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await founded(where, tmp_path)
            plain = await newest(where, PLAIN)
            city = Stating(where, tmp_path, restarted, {})
            await city.then(*WHOLE)
            assert city.values(3) == pytest.approx({"": 40, "north": 25, "south": 15})
            known = await ids(where)
            assert city.said["north", 3][3] == [
                known["monitored_length", "north", 5000.0],
                known["street_length", "", 20_000.0],
            ]
            await changed(city)
            await back_dated(city)
            await withdrawn(city)
            assert await newest(where, PLAIN) == plain

    asyncio.run(main())


async def changed(city: Stating) -> None:
    again = await city.then("north,monitored_length,6,km,,GIS,measured")
    assert set(again) == hours("north")
    assert city.values(3)["north"] == pytest.approx(30)


async def back_dated(city: Stating) -> None:
    # From 15:00Z on, that is from the hour that ends at 16:00Z on.
    again = await city.then("south,monitored_length,4,km,2026-11-23T15:00:00Z,GIS,measured")
    assert set(again) == hours("south", since=3)
    assert city.values(3)["south"] == pytest.approx(20)
    # The city's figure counts for its zones, too.
    again = await city.then(",street_length,10,km,2026-11-23T12:30:00Z,GIS,measured")
    assert set(again) == hours(*PLACES)
    again = await city.then(",street_length,20000,m,2026-11-23T14:00:00Z,GIS,measured")
    assert set(again) == hours(*PLACES, since=2)
    assert city.values(1) == pytest.approx({"": 80, "north": 60, "south": 30})


async def withdrawn(city: Stating) -> None:
    await city.then(
        ",street_length,withdrawn,,2026-11-23T12:30:00Z,,", "south,monitored_length,withdrawn,,,,"
    )
    reason = "no monitored_length in km is declared for zone south"
    assert city.said["south", 2][:2] == (None, reason)
    assert city.values(1)[""] == pytest.approx(40)
    assert city.values(3) == pytest.approx({"": 40, "north": 30, "south": 20})


def test_a_better_source_is_a_new_revision_of_the_same_value(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await founded(where, tmp_path)
            await state(where, tmp_path, *WHOLE)
            await clean(where)
            before = (await newest(where))["south", 0]
            assert await state(where, tmp_path, *WHOLE) == 0
            log = await where.heads()
            assert await state(where, tmp_path, *WHOLE) == 0
            assert await where.heads() == log
            await state(where, tmp_path, WHOLE[3].replace("estimated", "measured"))
            await clean(where)
            after = (await newest(where))["south", 0]
            assert (after[0], after[2]) == (before[0], before[2] + 1)
            async with where.pool.acquire() as connection:
                every = await read_facts(connection, "town", withdrawn=True)
            past = [fact for fact in every if fact.withdrawn_at is not None]
            assert [(fact.quality, fact.id) for fact in past] == [
                ("estimated", (before[3] or [])[0])
            ]
            now = in_force(every, NOON)
            assert {fact.quality for fact in now} == {"measured"}
            assert len(now) == 4

    asyncio.run(main())


def test_a_rule_of_facts_alone_says_that_they_were_withdrawn(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await founded(where, tmp_path)
            where.rules, where.worker = (*rules(), *read_rules(OF_FACTS, "test.toml")), None
            await state(where, tmp_path, *WHOLE)
            await clean(where)
            said = await newest(where, ALONE)
            assert {said[zone, 3][0] for zone in PLACES} == {40.0, 25.0, 15.0}
            await state(where, tmp_path, "south,monitored_length,withdrawn,,,,")
            await clean(where)
            after = await newest(where, ALONE)
            reason = "no monitored_length in km is declared for zone south"
            assert after["south", 3][:2] == (None, reason)
            # All hours that the city has, also those in which only other stations speak.
            again = {key for key in after if after[key] != said[key]}
            assert again == {key for key in said if key[0] == "south"} > hours("south")
            await state(where, tmp_path, WHOLE[3])
            await clean(where)
            assert (await newest(where, ALONE))["south", 3][0] == pytest.approx(15)

    asyncio.run(main())


def test_the_warrant_tells_of_each_fact_what_was_stated(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await founded(where, tmp_path)
            await state(where, tmp_path, *WHOLE)
            await clean(where)
            body = json.loads(
                await where.pool.fetchval(
                    "select body from change where body::jsonb ->> 'rule' = $1 "
                    "and body::jsonb ->> 'zone' = 'north' order by number desc limit 1",
                    MONITORED,
                )
            )
            assert [{**fact, "id": 0} for fact in body["facts"]] == [
                {
                    "id": 0,
                    "name": name,
                    "zone": zone,
                    "value": value,
                    "unit": "m",
                    "valid_from": None,
                    "source": "GIS",
                    "quality": "measured",
                }
                for name, zone, value in (
                    ("monitored_length", "north", 5000.0),
                    ("street_length", None, 20_000.0),
                )
            ]

    asyncio.run(main())


def test_a_fact_in_a_unit_that_does_not_fit_is_refused_or_makes_insufficient(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    line = ",street_length,20000,W,,GIS,measured"

    async def main() -> None:
        async with town(database) as where:
            await founded(where, tmp_path)
            with pytest.raises(BadRegistry, match=r"facts.csv:2: column unit: 'W' does not fit"):
                await state(where, tmp_path, line)
            # Stated before there was any rule that wants it in another unit.
            where.rules = ()
            await state(where, tmp_path, line, *WHOLE[1:])
            where.rules, where.worker = rules(), None
            await clean(where)
            found = (await newest(where))["north", 0]
            assert found[:2] == (None, "no street_length in km is declared for the city")

    asyncio.run(main())


def test_a_fact_of_later_counts_for_the_window_that_is_still_open(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    """The last hour has readings for half of it; the figure holds from its last quarter on."""

    async def main() -> None:
        async with town(database) as where:
            await founded(where, tmp_path)
            await where.write([Row("c", 6 * HOUR + step * 10 * MINUTE, 5.0) for step in range(3)])
            await where.run()
            await state(
                where,
                tmp_path,
                *WHOLE,
                "south,monitored_length,6,km,2026-11-23T18:50:00Z,x,measured",
            )
            await clean(where)
            found = await newest(where)
            assert found["south", 5][0] == pytest.approx(15)
            assert found["south", 6][0] == pytest.approx(30)

    asyncio.run(main())


def test_a_csv_needs_a_city_and_its_zones(database: DatabaseSettings, tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_text(HEADER + "west,monitored_length,1,km,,x,measured\n", "utf-8")

    async def main() -> None:
        async with town(database) as where:
            await founded(where, tmp_path)
            for city, why in (
                (None, r"column zone: expected a zone of town \(north, south\), or nothing"),
                ("ghost", "there is no city 'ghost'; apply its registry TOML first"),
            ):
                with pytest.raises(BadRegistry, match=why):
                    await apply_facts(where.pool, path, city)
            await where.pool.execute("insert into city (id, name, shard) values ('b', 'B', 0)")
            with pytest.raises(BadRegistry, match="with --city; known cities: b, town"):
                await apply_facts(where.pool, path)
            assert await where.pool.fetchval("select count(*) from fact") == 0

    asyncio.run(main())
