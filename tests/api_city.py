"""A small city's indicators as the aggregator would have left them, for API and page."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from aggregator.alerting.clerk import Clerk
from aggregator.alerting.course import Episode
from aggregator.alerting.review import Verdict
from aggregator.outputs import Outputs
from cityvitals.domain.names import shard_of
from cityvitals.domain.times import EPOCH, to_us
from cityvitals.store import derived
from cityvitals.store.alerts import remember_alerts
from cityvitals.store.derived import (
    ChangeRow,
    IndicatorRow,
    remember_rules,
)
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Connection, Pool
from kpi_rules.alerts.model import AlertRule, Severity, Side, Zones
from kpi_rules.built import unbuilt
from kpi_rules.load import load_rules
from kpi_rules.present import present
from tests.written import changes, write_changes, write_indicators

CITY = "ferrara"
ZONES = {"centro": "Centro storico", "barco": "Barco", "pontelagoscuro": "Pontelagoscuro"}
NOW = datetime(2026, 11, 23, 9, 32, tzinfo=UTC)
HOUR = timedelta(hours=1)
_LEVELS = {
    "air.pm2_5": 24.0,
    "air.pm10": 38.0,
    "air.no2": 46.0,
    "air.so2": 3.1,
    "air.o3": 31.0,
    "air.co": 0.62,
    "energy.electricity": 41_850.0,
    "energy.electricity_per_capita": 7.64,
    "water.supplied": 31_240.0,
    "water.supplied_per_capita": 236.0,
    "traffic.speed": 34.2,
}
RULES = [
    rule for rule in load_rules() if rule.id.rpartition(".")[0] in _LEVELS and not unbuilt(rule)
]
"""A few that a city without history can have."""
BODIES = {rule.id: rule.body() for rule in RULES}


def window_of(rule: str, now: datetime, back: int = 0) -> tuple[datetime, datetime]:
    """The window of a rule that holds `now`, or the one `back` windows before."""
    if rule.endswith(".day"):  # the city's day, one hour east of UTC
        begin = (now + HOUR).replace(hour=0, minute=0, second=0, microsecond=0) - HOUR
        begin -= timedelta(days=back)
        return begin, begin + timedelta(days=1)
    begin = now.replace(minute=0, second=0, microsecond=0) - back * HOUR
    return begin, begin + HOUR


def indicator(rule: str, zone: str = "", now: datetime = NOW, back: int = 0) -> IndicatorRow:
    """A plausible indicator: provisional for the window that runs, final for those before."""
    begin, end = window_of(rule, now, back)
    phase = to_us(begin) / 3.6e9 + sum(map(ord, zone))
    level = _LEVELS[rule.rpartition(".")[0]]
    value = level * (1 + 0.35 * math.sin(phase / 3.8) + 0.1 * math.sin(phase * 1.7))
    share = 3 if not zone or BODIES[rule]["domain"] == "air" else 1
    return IndicatorRow(
        city=CITY,
        rule=rule,
        zone=zone,
        window_begin=begin,
        revision=1,
        window_end=end,
        rule_revision=1,
        state="final" if back else "provisional",
        closed=bool(back),
        value=value,
        numerator=value * share,
        denominator=float(share),
        coverage=round(0.99 - 0.02 * (len(zone) % 4), 4),
        observed=32 * share,
        flagged=0,
        reason="",
        stations=list(range(1, share + 1)),
        silent=[],
        watermark=now - timedelta(seconds=4),
        computed_at=(end + timedelta(minutes=1)) if back else now - timedelta(seconds=2),
        change_number=1,
        station_count=share,
    )


def insufficient(row: IndicatorRow, reason: str, coverage: float) -> IndicatorRow:
    """The same indicator without enough data for a value."""
    return row._replace(
        state="insufficient",
        value=None,
        numerator=None,
        denominator=None,
        reason=reason,
        coverage=coverage,
    )


async def make_city(
    connection: Connection,
    city: str = CITY,
    name: str = "Ferrara",
    zones: Iterable[tuple[str, str]] = tuple(ZONES.items()),
) -> None:
    """A city, its zones, and the shipped rules."""
    await connection.execute(
        "insert into city (id, name, time_zone, shard) values ($1, $2, 'Europe/Rome', $3)",
        city,
        name,
        shard_of(city),
    )
    for zone, title in zones:
        await connection.execute("insert into zone values ($1, $2, $3)", city, zone, title)
    await remember_rules(
        connection,
        [(rule.id, rule.revision, rule.digest, rule.body(), rule.definition) for rule in RULES],
    )


async def write(
    connection: Connection, rows: Sequence[IndicatorRow], kind: str = "value"
) -> list[int]:
    """Commit latest indicators with their numbered changes and the NOTIFY; returns the numbers."""
    async with connection.transaction():
        number = await connection.fetchval(
            "select change_number from city where id = $1 for update", rows[0].city
        )
        numbered = [row._replace(change_number=number + n) for n, row in enumerate(rows, 1)]
        newest = {(row.rule, row.zone): row for row in numbered}
        await write_indicators(connection, [], list(newest.values()))
        changes = [
            ChangeRow(row.city, row.change_number, row.computed_at, kind, body_of(row))
            for row in numbered
        ]
        await write_changes(connection, changes, {rows[0].city: number + len(rows)})
    return [row.change_number for row in numbered]


def body_of(row: IndicatorRow) -> str:
    """A change's body."""
    shown = {name: getattr(row, name) for name in IndicatorRow._fields}
    return json.dumps(present(BODIES[row.rule], shown))


def own_alert(
    name: str, rule: str, above: float, zones: Zones | tuple[str, ...] = Zones.ALL
) -> AlertRule:
    """An alert rule of the city's own: one window above raises, one that is not clears."""
    return AlertRule(
        id=name,
        revision=1,
        title="Above our own level",
        rule=rule,
        unit="ug/m3",
        side=Side.ABOVE,
        threshold=above,
        clear=above,
        windows=1,
        clear_windows=1,
        severity=Severity.WARNING,
        zones=zones,
        cities=(),
        standard=None,
        source="The city's own.",
        file="own.toml",
    )


SMOG = own_alert("own.smog", "air.pm2_5.hour", 50.0)


async def judge(connection: Connection, zone: str, verdict: Verdict, rule: AlertRule = SMOG) -> int:
    """Commit what became of an alert, as the aggregator does; returns the alert's number."""
    said = (rule.id, rule.revision, rule.digest, rule.body(), rule.file)
    async with connection.transaction():
        await remember_alerts(connection, [said])
        number = await connection.fetchval(
            "select change_number from city where id = $1 for update", CITY
        )
        out = Outputs()
        clerk = Clerk(connection, out, {CITY: number}, to_us(NOW))
        await clerk.write((CITY, rule.id, zone), rule, verdict)
        await derived.write_changes(connection, out.told, out.numbers)
    found: int = json.loads(changes(out)[0].body)["id"]
    return found


def smog(hour: int, peak: float = 71.0, until: int | None = None) -> Episode:
    """Above the level since an hour of NOW's day, UTC."""
    begin = to_us(NOW.replace(hour=0, minute=0)) + hour * to_us(EPOCH + HOUR)
    end = None if until is None else begin + (until - hour) * to_us(EPOCH + HOUR)
    return Episode(begin, begin, end, end, peak, begin)


async def make_cities(pool: Pool) -> None:
    """One with latest indicators, and `bare`, which has nothing."""
    async with pool.acquire() as connection:
        await make_city(connection)
        await make_city(connection, "bare", "Bare", ())
        await write(connection, latest_rows())


async def write_history(pool: Pool, rows: Sequence[IndicatorRow]) -> None:
    """Keep revisions in `indicator`, its partitions made first."""
    begins = np.array([to_us(row.window_begin) for row in rows], np.int64)
    async with pool.acquire() as connection:
        await Partitions("indicator").ensure(connection, begins)
        await write_indicators(connection, rows, [])


def latest_rows(now: datetime = NOW) -> list[IndicatorRow]:
    """The latest of every rule for the city and its zones, with one of each state."""
    rows = [indicator(rule, zone, now) for zone in ("", *ZONES) for rule in BODIES]
    special: dict[tuple[str, str], Callable[[IndicatorRow], IndicatorRow]] = {
        ("air.no2.hour", "centro"): lambda row: insufficient(
            row, "coverage 0.38 of the open window, 0.5 needed", 0.38
        ),
        ("air.pm10.day", ""): lambda row: row._replace(state="corrected", revision=4, closed=True),
        ("traffic.speed.hour", ""): lambda row: row._replace(state="final", closed=True),
        ("air.pm2_5.hour", "barco"): lambda row: row._replace(coverage=0.71, silent=["gw-barco-2"]),
    }
    return [
        special[(row.rule, row.zone)](row) if (row.rule, row.zone) in special else row
        for row in rows
    ]


def history_rows(rule: str, zone: str, count: int, now: datetime = NOW) -> list[IndicatorRow]:
    """`count` closed windows before the one that runs, oldest first, with a gap in the middle."""
    rows = [indicator(rule, zone, now, back) for back in range(count, 0, -1)]
    return rows[: count // 2] + rows[count // 2 + 3 :]
