"""Scores of a city in a real database: stated by files, derived from readings, shown to all."""

import asyncio
import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from typer.testing import CliRunner

from api.schema_scores import Scores
from cityvitals.cli import app
from cityvitals.errors import CityVitalsError, NotFound
from cityvitals.settings import DatabaseSettings
from cityvitals.store.derived import remember_rules
from cityvitals.store.pool import Pool
from cityvitals.store.targets import read_targets
from kpi_rules.load import load_rules
from tests.api_server import running_api, with_pool
from tests.integration.aggregator_town import CITY, DAY, HOUR, NOON, Row, town
from tests.integration.scored import cityvitals, points

DOC: Final = Path(__file__).parents[2] / "docs" / "u4ssc.md"
TOWN: Final = """
[city]
id = "town"
time_zone = "Europe/Rome"
[[zone]]
id = "north"
population = 18000
[[target]]
point = "u4ssc.ec.i.ws.5c"
value = 100
unit = "%"
source = "Council decision 12/2025"
"""
FACTS: Final = """name,value,unit,valid_from,source,quality
households,40000,1,2025-01-01,Yearbook 2025,measured
households_with_sanitation,30600,1,2025-01-01,Survey 2025,surveyed
population,60000,{inhabitant},2025-01-01,Yearbook 2025,measured
police_officers,120,1,2025-01-01,Yearbook 2025,measured
u4ssc.sc.sh.sa.6c,190,per 100 000 inhabitants,2025-01-01,Police report,measured
"""
TARGETS: Final = """point,value,start,unit,valid_from,source
u4ssc.sc.sh.sa.6c,200,,/100000.{inhabitant},2025-01-01,Council decision 12/2025
u4ssc.en.en.aq.1c.pm2_5,10,30,ug/m3,2025-01-01,Clean air plan
"""
OUTAGES: Final = """
insert into fact (city, zone, name, valid_from, value, unit, source, quality)
select $1, '', name, valid_from, value, unit, 'Operator', 'measured'
from (values ('customers_served', timestamptz '2026-01-01Z', 1000, '1'),
             ('interrupted_customers', '2026-04-01 10:00Z', 300, '1'),
             ('interruption_minutes', '2026-04-01 10:00Z', 20, 'min'),
             ('interrupted_customers', '2026-12-02 10:00Z', 100, '1'),
             ('interruption_minutes', '2026-12-02 10:00Z', 60, 'min')
     ) as outage (name, valid_from, value, unit)
"""
SANITATION: Final = "u4ssc.ec.i.ws.5c"
POLICE: Final = "u4ssc.sc.sh.sa.6c"
PM2_5: Final = "u4ssc.en.en.aq.1c.pm2_5"


@pytest.fixture
def folder(database: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A town with a few figures and targets, stated by files."""
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", database.dsn.get_secret_value())
    for name, text in (("town.toml", TOWN), ("facts.csv", FACTS), ("targets.csv", TARGETS)):
        (tmp_path / name).write_text(text, "utf-8")
        cityvitals("registry", "apply", str(tmp_path / name), "--by", "ada")
    return tmp_path


@pytest.fixture
def client(folder: Path, database: DatabaseSettings) -> Iterator[httpx.Client]:
    assert folder
    with running_api(database) as base, httpx.Client(base_url=base, timeout=60) as client:
        yield client


def asked(client: httpx.Client, **query: str) -> dict[str, Any]:
    answer = client.get("/v1/cities/town/scores", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    Scores.model_validate(found)
    return found


def test_what_the_documentation_says(folder: Path) -> None:
    for number, block in enumerate(DOC.read_text("utf-8").split("```csv\n")[1:]):
        path = folder / f"doc{number}.csv"
        path.write_text(block.partition("```")[0], "utf-8")
        said = cityvitals("registry", "apply", str(path), "--city", "town")
        assert ("4 facts" if number == 0 else "2 targets") in said
    found = points(json.loads(cityvitals("scores", "town", "--json")))
    assert found["u4ssc.sc.sh.sa.5a"]["result"]["value"] == 8.5
    assert found[PM2_5]["target"]["source"] == "Clean air plan 2025"


def test_the_route_gives_the_whole_tree_with_what_is_missing_and_why(client: httpx.Client) -> None:
    shown = asked(client)
    found = points(shown)
    assert len(found) == 112
    assert (shown["city"], shown["time_zone"]) == ("town", "Europe/Rome")
    assert shown["kpis"] == {"all": 91, "live": 29, "reported": 62, "provisional": 79}
    sanitation, police, air = found[SANITATION], found[POLICE], found[PM2_5]
    assert (sanitation["percent"], sanitation["points"], sanitation["band"]) == (76.5, 3, "66-95%")
    assert sanitation["result"]["quality"] == "surveyed"
    assert [fact["declared_by"] for fact in sanitation["result"]["facts"]] == ["ada", "ada"]
    assert (police["result"]["value"], police["result"]["basis"]) == (190, "final")
    assert [(one["value"], one["basis"]) for one in police["others"]] == [(200, "figures")]
    assert (police["percent"], police["points"]) == (95, 4)
    assert (air["state"], air["target"]["value"], air["target"]["source"]) == (
        "no_data",
        10,
        "Clean air plan",
    )
    assert air["missing"] == ["no year of rule u4ssc.pm2_5.year has ended"]
    neither = found["u4ssc.ec.ict.ws.1c"]
    lacking, figures = neither["missing"]
    assert lacking == "no year of rule u4ssc.smart_water_meters.year has ended"
    assert figures == (
        "no water_meters_smart is stated (smart water meters installed); "
        "no water_meters is stated (water meters installed)"
    )
    assert shown["score"] == {
        "points": 7,
        "possible": 8,
        "percent": 87.5,
        "band": "66-95%",
        "data_points": 112,
        "scored": 2,
        "no_data": 110,
        "no_target": 0,
        "estimates": 0,
    }
    checks = {finding["check"]: finding for finding in shown["findings"]}
    assert checks["sanitation_normal"]["points"] == [SANITATION]
    assert checks["reported"]["found"] == "89 of 91 KPIs (97.8022 %) are not, or not wholly"
    assert "overridden" not in checks  # 190 beside 200: within 5 %


def test_the_route_answers_as_of_a_moment(client: httpx.Client) -> None:
    before = points(asked(client, at="2024-12-31T22:59:59Z"))
    since = points(asked(client, at="2024-12-31T23:00:00Z"))  # midnight in Rome
    assert (before[SANITATION]["state"], since[SANITATION]["state"]) == ("no_data", "scored")
    answer = client.get("/v1/cities/town/scores", params={"at": "yesterday"})
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "at")
    assert client.get("/v1/cities/ghost/scores").status_code == 404


def test_the_command_shows_what_the_route_says(folder: Path) -> None:
    assert folder
    lines = cityvitals("scores", "town", "--at", "2026-06-30").splitlines()
    assert lines[0] == "town by ITU-T U4SSC, as of 2026-06-30 00:00 UTC"
    assert lines[2].split() == ["Economy", "3/4", "75.0", "%", "66-95%", "1", "54", "0"]
    assert (
        "91 KPIs: 29 fed by sensors, meters or a registry, 62 reported; 79 provisional"
        in "\n".join(lines)
    )
    assert any(line.startswith("asked: 90 % and more of the households") for line in lines)
    deep = cityvitals("scores", "town", "--kpis")
    assert "EC: I: WS: 5C Household Sanitation\n" in deep
    said = "76.5 % (figures, as stated, from 2025-01-01): 76.5 % of the target, 3 points"
    assert f"{SANITATION}: {said}\n" in deep
    assert "no data: no year of rule u4ssc.pm2_5.year has ended" in deep
    assert len(points(json.loads(cityvitals("scores", "town", "--json")))) == 112
    with pytest.raises(NotFound, match="there is no city 'ghost'"):
        cityvitals("scores", "ghost")
    assert CliRunner().invoke(app, ["scores", "town", "--at", "yesterday"]).exit_code == 2


def test_what_is_missing_is_a_csv_to_fill_in(folder: Path) -> None:
    lacking = cityvitals("scores", "town", "--missing").splitlines()
    assert lacking[0] == "name,value,unit,valid_from,source,quality"
    names = [line.partition(",")[0] for line in lacking[1:]]
    assert len(names) == len(set(names))
    assert "patents_granted" in names and "u4ssc.en.en.aq.1c.no2" in names
    assert not {"households", "population", "police_officers"} & set(names)
    units = [next(csv.reader([line]))[2] for line in lacking[1:]]
    filled = [
        f"{name},1,{unit},2025-01-01,Test,estimated"
        for name, unit in zip(names, units, strict=True)
    ]
    (folder / "filled.csv").write_text("\n".join([lacking[0], *filled]), "utf-8")
    cityvitals("registry", "apply", str(folder / "filled.csv"))
    assert cityvitals("scores", "town", "--missing").splitlines() == lacking[:1]
    score = json.loads(cityvitals("scores", "town", "--json"))["score"]
    assert (score["no_data"], score["no_target"], score["scored"]) == (0, 109, 3)


def test_targets_keep_their_history(folder: Path, database: DatabaseSettings) -> None:
    path = folder / "targets.csv"
    again = cityvitals("registry", "apply", str(path), "--by", "bob")
    assert again.strip() == "city town: 2 targets: nothing new"
    path.write_text(
        "value,point,unit,source,valid_from\n"
        "250,u4ssc.sc.sh.sa.6c,/100000.{inhabitant},Council decision 3/2026,2025-01-01\n"
        f"withdrawn,{PM2_5},,,2025-01-01\n"
    )
    assert "2 targets: 2 changes" in cityvitals("registry", "apply", str(path), "--by", "bob")

    async def stored(pool: Pool) -> list[tuple[Any, ...]]:
        async with pool.acquire() as connection:
            found = await read_targets(connection, "town", withdrawn=True)
        keys = ("point", "value", "declared_by", "withdrawn_by")
        return [tuple(row[key] for key in keys) for row in found]

    assert with_pool(database, stored) == [
        (SANITATION, 100, "ada", ""),
        (PM2_5, 10, "ada", "bob"),
        (POLICE, 200, "ada", "bob"),
        (POLICE, 250, "bob", ""),
    ]
    found = points(json.loads(cityvitals("scores", "town", "--json")))
    assert (found[POLICE]["percent"], found[PM2_5]["target"]) == (76, None)
    lines = cityvitals("registry", "targets", "town").splitlines()
    assert len(lines) == 2
    assert lines[0] == f"{SANITATION} · 100 % · ever since · Council decision 12/2025 · by ada"
    history = cityvitals("registry", "targets", "town", "--all", "--json").splitlines()
    assert [json.loads(line)["value"] for line in history] == [100, 10, 200, 250]
    assert "withdrawn" in cityvitals("registry", "targets", "town", "--all")
    with pytest.raises(NotFound):
        cityvitals("registry", "targets", "ghost")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("u4ssc.en.en.aq.1c.pm10,20,,ug/m3,,plan", "column start: expected a start, the value"),
        ("u4ssc.en.en.aq.1c.pm10,60,30,ug/m3,,plan", "column value: lower is better, but"),
        ("u4ssc.en.en.aq.1c.pm10,20,60,m,,plan", "column unit: 'm' does not fit u4ssc.en"),
        ("u4ssc.en.en.aq.1c.pm11,20,60,ug/m3,,plan", "column point: expected a data point such as"),
        ("u4ssc.ec.i.ws.5c,90,,%,,", "column source: missing"),
        ("u4ssc.ec.i.ws.5c,ninety,,%,,plan", "column value: expected a finite number"),
    ],
)
def test_targets_that_cannot_be_scored_against_are_refused(
    folder: Path, line: str, said: str
) -> None:
    path = folder / "targets.csv"
    path.write_text(f"point,value,start,unit,valid_from,source\n{line}\n")
    with pytest.raises(CityVitalsError, match=rf"targets\.csv:2: {said}"):
        cityvitals("registry", "apply", str(path))


def test_figures_that_no_data_point_has_are_refused(folder: Path) -> None:
    path = folder / "facts.csv"
    path.write_text("name,value,unit,source,quality\nu4ssc.ec.i.ws.9c,90,%,plan,measured\n")
    with pytest.raises(CityVitalsError, match=r"column name: u4ssc has no 'u4ssc\.ec\.i\.ws\.9c'"):
        cityvitals("registry", "apply", str(path))
    path.write_text("name,value,unit,source,quality\nhospital_beds,90,km,plan,measured\n")
    with pytest.raises(CityVitalsError, match="'km' does not fit hospital_beds"):
        cityvitals("registry", "apply", str(path))


def test_readings_become_a_running_estimate_and_then_a_calendar_year(
    database: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten months of hours at 15 ug/m3: 75 % of the way from 30 to 10; and two outages."""
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", database.dsn.get_secret_value())
    (tmp_path / "targets.csv").write_text(TARGETS)
    outages = {"u4ssc.outage_frequency.year", "u4ssc.outage_time.year"}
    wanted = {"u4ssc.pm2_5.year", "u4ssc.pm2_5.12_months"} | outages

    async def derive(until: int) -> None:
        async with town(database) as where:
            where.rules = tuple(rule for rule in load_rules() if rule.id in wanted)
            where.now_us = NOON + until + DAY
            await where.pool.execute(OUTAGES, CITY)
            hours = range(-310 * DAY, until, HOUR)
            for begin in range(0, len(hours), 2000):
                part = hours[begin : begin + 2000]
                await where.write([Row("b", after, 15.0) for after in part])
            await where.settle()
            kept = [
                (one.id, one.revision, one.digest, one.body(), one.definition)
                for one in where.rules
            ]
            async with where.pool.acquire() as connection:
                await remember_rules(connection, kept)  # as the aggregator does when it starts
            found = await where.verify()
            assert found.clean, found.as_text()

    def shown(at: datetime, point: str = PM2_5) -> dict[str, Any]:
        found = cityvitals("scores", CITY, "--json", "--at", at.isoformat())
        return points(json.loads(found))[point]

    asyncio.run(derive(39 * DAY))  # to 2027-01-01T12:00Z
    cityvitals("registry", "apply", str(tmp_path / "targets.csv"))
    early = shown(datetime(2026, 12, 15, tzinfo=UTC))
    assert early["result"]["period"] == "running_12_months"
    assert early["result"]["estimate"] is True
    late = shown(datetime(2027, 1, 2, tzinfo=UTC))
    assert (late["result"]["period"], late["result"]["rule"]) == (
        "calendar_year",
        "u4ssc.pm2_5.year",
    )
    assert (late["result"]["value"], late["percent"], late["points"]) == (15, 75, 3)
    assert late["result"]["end"] == "2026-12-31T23:00:00Z"
    assert late["result"]["state"] == "final"
    assert not any(one["period"] == "running_12_months" for one in late["others"])
    found = [
        shown(datetime(2027, 1, 2, tzinfo=UTC), f"u4ssc.ec.i.es.{each}")["result"]
        for each in ("1c", "2c")
    ]
    # 300 for 20 and 100 for 60 minutes, of a thousand customers: SAIFI 0.4, CAIDI 12000 / 400.
    assert [(one["value"], one["period"], one["basis"]) for one in found] == [
        (0.4, "calendar_year", "rule"),
        (30, "calendar_year", "rule"),
    ]
