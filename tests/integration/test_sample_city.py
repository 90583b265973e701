"""The sample city of 91 KPIs from the database, through the API, as worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from api.schema_scores import Scores
from cityvitals.domain.times import to_us
from cityvitals.settings import DatabaseSettings
from cityvitals.store.derived import IndicatorRow, remember_rules
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Pool
from kpi_rules.load import load_rules
from kpi_rules.scorecard.load import load_scorecard
from tests import plain
from tests.api_server import running_api, with_pool
from tests.integration.scored import cityvitals, points
from tests.unit.kpi_rules.scorecard.sample import rows, windows
from tests.written import write_indicators


def stated_sample() -> tuple[list[str], list[str]]:
    """The sample's figures and final values, and its targets, as lines of CSV."""
    units = load_scorecard().wanted
    figures = {row["name"]: row["value"] for row in rows("sample_denominators")}
    aims = ["point,value,start,unit,source"]
    for row in rows():
        name = f"u4ssc.{row['point']}"
        if row["how"] == "figures":
            figures.setdefault(row["fact"], row["stated"])
        elif row["how"] == "final":
            figures[name] = row["value"]
        if row["target"]:
            aims.append(f"{name},{row['target']},{row['start']},{next(iter(units[name]))},Plan")
    lines = [
        f"{name},{value},{next(iter(units[name]))},2025-01-01,Yearbook,measured"
        for name, value in figures.items()
    ]
    return ["name,value,unit,valid_from,source,quality", *lines], aims


async def plant_windows(pool: Pool) -> None:
    """What rules came to in the sample, as the aggregator keeps it."""
    told = list(windows())
    rules = [one for one in load_rules() if one.id in {each.rule for each in told}]
    begins = np.array([to_us(one.begin) for one in told], np.int64)
    planted = [
        IndicatorRow(
            city="sample", rule=one.rule, zone="", window_begin=one.begin, revision=1,
            window_end=one.end, rule_revision=1, state="final", closed=True, value=one.value,
            numerator=one.numerator, denominator=one.denominator, coverage=one.coverage,
            observed=10, flagged=0, reason="", stations=[], silent=[], watermark=one.end,
            computed_at=one.end, change_number=0, station_count=0,
        )
        for one in told
    ]  # fmt: skip
    async with pool.acquire() as connection:
        await remember_rules(
            connection,
            [(one.id, one.revision, one.digest, one.body(), one.definition) for one in rules],
        )
        await Partitions("indicator").ensure(connection, begins)
        async with connection.transaction():
            await write_indicators(connection, planted, planted)


def test_the_sample_city_scores_the_same_through_the_api(
    database: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures, final values and targets by their files, windows of rules as they are kept."""
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", database.dsn.get_secret_value())
    figures, aims = stated_sample()
    (tmp_path / "city.toml").write_text('[city]\nid = "sample"\n')
    (tmp_path / "facts.csv").write_text("\n".join(figures))
    (tmp_path / "targets.csv").write_text("\n".join(aims))
    cityvitals("registry", "apply", str(tmp_path / "city.toml"))
    for name in ("facts", "targets"):
        cityvitals("registry", "apply", str(tmp_path / f"{name}.csv"), "--city", "sample")
    with_pool(database, plant_windows)
    with running_api(database) as base:
        asked = {"at": "2026-11-30T12:00:00Z"}
        answer = plain.get(f"{base}/v1/cities/sample/scores", params=asked, timeout=60)
    shown = answer.json()
    Scores.model_validate(shown)
    found = points(shown)
    for row in rows():
        point = found[f"u4ssc.{row['point']}"]
        assert point["state"] == row["state"], row["point"]
        assert (point["percent"] is None) == (row["percent"] == "")
        if row["percent"]:
            assert point["percent"] == float(row["percent"]), row["point"]
            assert point["points"] == int(row["points"]), row["point"]
    assert [each["score"]["points"] for each in shown["dimensions"]] == [132, 68, 75]
    assert (shown["score"]["points"], shown["score"]["possible"]) == (275, 372)
    assert shown["score"]["estimates"] == 1
    outages, loss = found["u4ssc.ec.i.es.2c"]["result"], found["u4ssc.ec.i.ws.3c"]
    assert (outages["rule"], outages["value"]) == ("u4ssc.outage_time.year", 90)
    assert (loss["result"]["basis"], loss["others"][0]["basis"]) == ("final", "rule")
