"""A city of a thousand zones in memory: a sensor of each domain in each zone, every quantity that
live rules ask for, and a day of quarter hours behind it."""

from typing import Final

import numpy as np

from aggregator.kernels.partial import BUCKET
from aggregator.shard import Changed, Shard
from cityvitals.domain.arrays import LOG_READING, LOG_SEEN, ROLLUP
from cityvitals.domain.facts import POPULATION, POPULATION_UNIT
from cityvitals.domain.logbody import encode_readings
from cityvitals.domain.names import Clock, Kind, LogKind, Stamp
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.domain.times import EARLIEST_US, US
from cityvitals.settings import AggregatorSettings
from cityvitals.store.model import CityRow, FactRow, GatewayRow, SeriesRow, ShardModel
from cityvitals.store.tail import Entry
from kpi_rules.built import sift
from kpi_rules.load import load_rules
from kpi_rules.model import Rule
from kpi_rules.words import Statistic

CITY: Final = "metropolis"
NOW_US: Final = 1_795_443_600_000_000 + 20 * 60 * US
"""2026-11-23T14:40Z, within an hour, a day and a month that have begun on every clock."""
_REPORTING_S: Final = 60.0
_HELD: Final = 131
"""Quarter hours before the open one that the ring holds."""
_GAUGE: Final = Declaration(Kind.GAUGE, reporting_s=_REPORTING_S)
_TOTAL: Final = Declaration(Kind.INTERVAL_TOTAL, period_s=_REPORTING_S, stamp=Stamp.END)


def live_rules() -> tuple[Rule, ...]:
    """All that run."""
    return sift(load_rules())[0]


def _asked_for(rules: tuple[Rule, ...]) -> dict[str, tuple[str, Declaration]]:
    """Domain and declaration by quantity."""
    found: dict[str, tuple[str, Declaration]] = {}
    for rule in rules:
        for one in rule.inputs:
            statistic = one.levels[0].statistic if one.levels else one.statistic
            declared = _TOTAL if statistic is Statistic.TOTAL else _GAUGE
            found.setdefault(one.quantity, (str(rule.domain), declared))
    return found


def _model(rules: tuple[Rule, ...], zones: int) -> ShardModel:
    names = [f"z{zone:04d}" for zone in range(zones)]
    asked = _asked_for(rules)
    domains = sorted({domain for domain, _ in asked.values()})
    gateways = {(zone, domain): 0 for zone in names for domain in domains}
    gateways = {key: number for number, key in enumerate(gateways, 1)}
    series = [
        SeriesRow(
            id=0,
            key=SeriesKey(CITY, f"{domain}-{zone}", quantity),
            domain=domain,
            gateway=gateways[zone, domain],
            sensor_id=gateways[zone, domain],
            declarations=(declared,),
            placements=((EARLIEST_US, zone),),
        )
        for zone in names
        for quantity, (domain, declared) in asked.items()
    ]
    units = {use.name: use.unit for rule in rules for use in rule.facts}
    units[POPULATION] = POPULATION_UNIT
    figures = [
        (zone, name, unit, 20_000.0 if zone else 20_000.0 * zones)
        for zone in ("", *names)
        for name, unit in sorted(units.items())
    ]
    return ShardModel(
        cities=(CityRow(CITY, "Europe/Vienna", Clock.LIVE, 0, EARLIEST_US),),
        zones=tuple((CITY, zone) for zone in names),
        gateways=tuple(GatewayRow(one, CITY, f"gw-{one}", "online") for one in gateways.values()),
        series=tuple(
            SeriesRow(number, *[getattr(one, name) for name in SeriesRow.__slots__[1:]])
            for number, one in enumerate(series, 1)
        ),
        facts=tuple(
            FactRow(CITY, zone, name, value, unit, EARLIEST_US, "us", "estimated", number)
            for number, (zone, name, unit, value) in enumerate(figures, 1)
        ),
    )


class Metropolis:
    """The city's shard, and what its sensors say minute by minute.

    Args:
        zones: how many.
        rules: all that run, unless said.
    """

    def __init__(self, zones: int, rules: tuple[Rule, ...] | None = None) -> None:
        self.settings = AggregatorSettings()
        self._drawn = np.random.default_rng(zones)
        self.shard = Shard(
            0, live_rules() if rules is None else rules, self.settings.provisional_every_seconds
        )
        self.shard.apply_model(_model(rules or live_rules(), zones))
        self.now_us = NOW_US
        open_us = NOW_US - NOW_US % BUCKET
        for back in range(_HELD, 0, -1):
            self.shard.buckets.put(self._closed(open_us - back * BUCKET))
        self.extents = {CITY: (open_us - _HELD * BUCKET, open_us + BUCKET)}

    def _closed(self, begin: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        """A quarter hour that every series covered."""
        count = len(self.shard.table)
        rollups = np.zeros(count, ROLLUP)
        rollups["series"], rollups["bucket"] = np.arange(count), begin
        rollups["count"], rollups["covered"] = BUCKET // (_REPORTING_S * US), BUCKET
        rollups["integral"] = self._drawn.uniform(10, 40, count) * BUCKET / US
        return rollups

    def say(self) -> Changed:
        """Every sensor reports; the next minute."""
        self.now_us += round(_REPORTING_S) * US
        at_us, table = self.now_us - US, self.shard.table
        readings = np.zeros(len(table), LOG_READING)
        readings["series"], readings["t"] = table.ids, at_us
        readings["v"] = self._drawn.uniform(10, 40, len(table))
        gateways = sorted({one.gateway for one in table.series})
        seen = np.zeros(len(gateways), LOG_SEEN)
        seen["gateway"], seen["observed_to"], seen["received"] = gateways, at_us, at_us
        seq = self.shard.cursors.get("ingest-0", 0) + 1
        body = encode_readings(seen, readings)
        changed = self.shard.absorb([Entry(0, "ingest-0", seq, LogKind.READINGS, body)])
        self.shard.show_open(changed)
        return changed
