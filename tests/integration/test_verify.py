"""`verify` finds each fault that is planted, and none where there is none."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from cityvitals.settings import AggregatorSettings, DatabaseSettings, Settings
from cityvitals.verify.main import CANNOT, CLEAN, DIFFERENT, run
from kpi_rules.load import load_all
from tests.integration.verify_city import CITY, execute, plant


@pytest.fixture(autouse=True)
def _two_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the rules that the city was worked out by hand for are loaded."""
    loaded = load_all()
    mine = tuple(one for one in loaded.rules if one.id in {"air.pm2_5.hour", "air.pm2_5.day"})
    monkeypatch.setattr(
        "cityvitals.verify.main.load_all", lambda _: replace(loaded, rules=mine, problems=())
    )


@pytest.fixture
def planted(database: DatabaseSettings) -> Settings:
    asyncio.run(plant(database.dsn.get_secret_value()))
    # Of the rules that these readings could feed, those that there are values of.
    rules = AggregatorSettings(only=("air.pm2_5.hour", "air.pm2_5.day"))
    return Settings(database=database, aggregator=rules)


def spoil(settings: Settings, *statements: str) -> None:
    asyncio.run(execute(settings.database.dsn.get_secret_value(), *statements))


def found(settings: Settings, capsys: pytest.CaptureFixture[str], **options: Any) -> Any:
    code = run(settings, as_json=True, **options)
    report = json.loads(capsys.readouterr().out)
    assert code == (CLEAN if report["clean"] else DIFFERENT)
    return report


def test_a_right_city_is_clean(planted: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    report = found(planted, capsys, settled=True)
    assert report["differences"] == []
    assert report["tallies"]["rollup"] == {
        "checked": 10,
        "equal": 10,
        "different": 0,
        "open": 2,
        "sealed": 0,
    }
    assert report["tallies"]["indicator"]["equal"] == 4
    assert report["tallies"]["indicator"]["open"] == 2
    assert report["tallies"]["indicator_latest"]["equal"] == 4


def test_the_table_says_so_to_people(planted: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(planted, CITY) == CLEAN
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "clean"
    assert "rollup" in out and "checked" in out


FAULTS = {
    "a changed value": (
        "update rollup set integral = integral + 1e-6 where bucket_begin = '2026-03-02 10:00Z'",
        "rollup",
        "integral",
    ),
    "a doubled count": (
        "update rollup set count = 2 where bucket_begin = '2026-03-02 10:00Z' and series_id = 1",
        "rollup",
        "count",
    ),
    "a missing rollup": (
        "delete from rollup where bucket_begin = '2026-03-02 10:15Z' and series_id = 1",
        "rollup",
        "missing",
    ),
    "a rollup too many": (
        """insert into rollup select bucket_begin - interval '1 day', 1, 1, 0, 1, 1, 1, 1, 0, 0, 0,
           0, 1, 0, 1 from rollup limit 1""",
        "rollup",
        "superfluous",
    ),
    "a reading that nobody folded": (
        """insert into reading (observed_at, received_at, value, series_id)
            values (timestamptz '2026-03-02 10:00Z' - interval '1 hour', now(), 5, 2)""",
        "rollup",
        "missing",
    ),
    "a reading that changed": (
        "update reading set value = 11 where observed_at = '2026-03-02 10:00Z' and series_id = 1",
        "indicator",
        "value",
    ),
    "a wrong value": (
        "update indicator set value = value * (1 + 1e-8) where window_begin = '2026-03-02 10:00Z'",
        "indicator",
        "value",
    ),
    "a wrong coverage": (
        "update indicator set coverage = 0.9 where coverage = 1 and zone = ''",
        "indicator",
        "coverage",
    ),
    "a wrong denominator": (
        "update indicator set denominator = 3 where window_begin = '2026-03-02 10:00Z'",
        "indicator",
        "denominator",
    ),
    "a station too many": (
        "update indicator set stations = '{1,2}' where window_begin = '2026-03-02 11:00Z'",
        "indicator",
        "series",
    ),
    "another station": (
        "update indicator set stations = '{2}' where window_begin = '2026-03-02 11:00Z'",
        "indicator",
        "series_sum",
    ),
    "a station counted twice": (
        "update indicator set station_count = 2 where window_begin = '2026-03-02 11:00Z'",
        "indicator",
        "stations",
    ),
    "a value where there is too little": (
        """update indicator_latest set state = 'provisional', value = 1
           where rule = 'air.pm2_5.day'""",
        "indicator_latest",
        "state",
    ),
    "a wrong end of a window": (
        "update indicator set window_end = window_end + '1h' where coverage = 1",
        "indicator",
        "end",
    ),
    "a missing indicator": (
        "delete from indicator where window_begin = '2026-03-02 10:00Z' and zone = 'north'",
        "indicator",
        "missing",
    ),
    "an indicator of a window without data": (
        """update indicator set window_begin = window_begin - interval '1 day',
           window_end = window_end - interval '1 day', closed = false, state = 'insufficient'
           where window_begin = '2026-03-02 10:00Z' and zone = 'north'""",
        "indicator",
        "superfluous",
    ),
    "an indicator where nothing is placed": (
        "update indicator set zone = 'south' where coverage = 1 and zone = 'north'",
        "indicator",
        "superfluous",
    ),
    "an indicator of an older rule": (
        "update indicator set rule_revision = 0",
        "indicator",
        "rule_revision",
    ),
    "a provisional value that is not what is known": (
        "update indicator_latest set coverage = 0.2 where rule = 'air.pm2_5.day'",
        "indicator_latest",
        "coverage",
    ),
    "a latest row that is not the newest": (
        """update indicator_latest set window_begin = window_begin - interval '1 hour'
           where rule = 'air.pm2_5.hour'""",
        "indicator_latest",
        "newest",
    ),
    "no latest row": ("delete from indicator_latest", "indicator_latest", "missing"),
    "a ledger that does not close": (
        """alter table ledger drop constraint ledger_check;
           update ledger set received = received + 1""",
        "ledger",
        "received",
    ),
    "a reading that the ledger does not know": (
        "update ledger set stored = 2, duplicate = 2",
        "ledger",
        "stored (reading)",
    ),
    "a revision without its old value": (
        "update ledger set revised = 1, duplicate = 0",
        "ledger",
        "revised (reading_revision)",
    ),
    "a gap in the log": (
        """update commit_log set seq = 3 where seq = 2; update lane set next_seq = 4;
           update shard set cursors = '{"ingest-0": 3}' where shard in (select shard from lane)""",
        "commit log",
        "entries",
    ),
    "a number that was allocated and not used": (
        "update lane set next_seq = 9",
        "commit log",
        "last entry",
    ),
    "a cursor ahead of the log": (
        """update shard set cursors = '{"ingest-0": 7}' where shard in (select shard from lane)""",
        "commit log",
        "cursor beyond the last entry",
    ),
    "a change that is gone": ("delete from change where number = 3", "change", "entries"),
    "a number given twice": (
        "update indicator set change_number = 2 where change_number = 3",
        "change",
        "revisions with this number",
    ),
    "a series without declaration": (
        "delete from series_declaration where series = 1",
        "series",
        "declaration",
    ),
}

_AGAIN = """
insert into indicator (city, rule, zone, window_begin, revision, window_end, rule_revision, state,
       closed, value, numerator, denominator, coverage, observed, flagged, stations, silent,
       watermark, computed_at, change_number, station_count)
select city, rule, zone, window_begin, {revision}, window_end, rule_revision, '{state}',
       {closed}, value, numerator, denominator, coverage, observed, flagged, stations, silent,
       watermark, computed_at, 0, station_count
from indicator where zone = '' and window_begin = '2026-03-02 10:00Z'
"""
FAULTS |= {
    "an open revision after a final one": (
        _AGAIN.format(revision=2, state="provisional", closed="false"),
        "revision",
        "open after a closed one",
    ),
    "final twice": (
        _AGAIN.format(revision=2, state="final", closed="true"),
        "revision",
        "neither corrected nor insufficient after a closed one",
    ),
    "a revision skipped": (
        _AGAIN.format(revision=3, state="corrected", closed="true"),
        "revision",
        "number skipped after a closed one",
    ),
    "a state that does not fit": (
        "update indicator set closed = false where state = 'final'",
        "revision",
        "closed does not fit the state",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(
    planted: Settings, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    statement, kind, field = FAULTS[fault]
    spoil(planted, statement)
    report = found(planted, capsys)
    assert not report["clean"]
    assert report["tallies"][kind]["different"] > 0
    assert (kind, field) in {(one["kind"], one["field"]) for one in report["differences"]}


def test_a_correction_is_no_fault(planted: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(planted, _AGAIN.format(revision=2, state="corrected", closed="true"))
    assert found(planted, capsys)["clean"]


def test_stations_of_windows_from_before_they_were_counted_are_counted_when_read(
    planted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(planted, "update indicator set station_count = null")
    assert found(planted, capsys)["clean"]


def test_work_that_waits_is_told_and_fails_only_where_asked(
    planted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(planted, """update shard set cursors = '{"ingest-0": 1}'""")
    report = found(planted, capsys)
    assert report["clean"]
    assert any("1 log entries are not taken yet" in note for note in report["notes"])
    assert not found(planted, capsys, settled=True)["clean"]


def test_a_window_behind_the_watermark_may_be_open_only_for_a_while(
    planted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(
        planted,
        """update indicator set closed = false, state = 'provisional'
           where window_begin = '2026-03-02 10:00Z'""",
    )
    assert found(planted, capsys)["clean"]
    fields = {one["field"] for one in found(planted, capsys, settled=True)["differences"]}
    assert fields == {"open behind the watermark"}


def test_below_the_seal_nothing_is_missed(
    planted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(
        planted,
        """insert into seal_neighbour (series_id, observed_at, value, rev, flags)
           select series_id, observed_at, value, rev, flags from reading
           where observed_at < '2026-03-02 11:00Z'""",
        "delete from reading where observed_at < '2026-03-02 11:00Z'",
        "update city set sealed_before = '2026-03-02 11:00Z'",
    )
    report = found(planted, capsys)
    assert report["differences"] == []
    assert report["tallies"]["rollup"]["sealed"] == 7
    assert report["tallies"]["indicator"]["sealed"] == 4


def test_a_window_beyond_the_watermark_may_wait(
    planted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(
        planted,
        """insert into reading (observed_at, received_at, value, series_id)
           values ('2026-03-02 12:00Z', now(), 5, 1)""",
        "update ledger set stored = 4, rejected = 0",
        """insert into rollup select '2026-03-02 11:45Z', series_id, count, flagged, sum, sumsq,
           min, max, first_t, first_v, last_t, last_v, integral, increase, covered from rollup
           where series_id = 1 and bucket_begin = '2026-03-02 11:30Z'""",
        "delete from indicator where rule = 'air.pm2_5.day'",
        "delete from indicator_latest where rule = 'air.pm2_5.day'",
    )
    fields = {(d["key"], d["field"]) for d in found(planted, capsys)["differences"]}
    days = [(key, field) for key, field in fields if ".day" in key]
    assert fields == set(days), "the hour after noon is open, the day is missing"
    assert {field for _, field in days} == {"missing"}


def test_many_differences_are_counted_and_some_are_shown(
    planted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(planted, "update rollup set sum = sum + 1, integral = integral + 1, covered = 1")
    report = found(planted, capsys)
    assert report["tallies"]["rollup"]["different"] == 10
    assert sum(one["kind"] == "rollup" for one in report["differences"]) == 20


def test_no_such_city_is_no_verdict(planted: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(planted, "nowhere") == CANNOT
    assert "no city 'nowhere'" in capsys.readouterr().err


def test_no_database_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    away = DatabaseSettings(dsn="postgresql://nobody@127.0.0.1:1/none")  # type: ignore[arg-type]
    assert run(Settings(database=away)) == CANNOT
    assert "connecting to the database" in capsys.readouterr().err
