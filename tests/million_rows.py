"""Rows of the smaller tables of the million-row set: columns, then records for COPY."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cityvitals.store.derived import INDICATOR_COLUMNS, IndicatorRow, as_mapping

Rows = tuple[list[str], Iterator[tuple[Any, ...]]]


def indicator_rows(
    city: str, rules: Sequence[str], windows: int, end: datetime, step: timedelta
) -> Rows:
    """Windows of each rule up to `end`, every tenth with a second revision."""

    def made() -> Iterator[tuple[Any, ...]]:
        for rule in rules:
            for number in range(windows):
                begin = end - (windows - number) * step
                for revision in (1, 2) if number % 10 == 5 else (1,):
                    row = _indicator(city, rule, begin, begin + step, revision)
                    yield tuple(as_mapping(row).values())

    return INDICATOR_COLUMNS, made()


def _indicator(city: str, rule: str, begin: datetime, end: datetime, revision: int) -> IndicatorRow:
    minute = int(begin.timestamp()) // 60
    return IndicatorRow(
        city=city,
        rule=rule,
        zone="",
        window_begin=begin,
        revision=revision,
        window_end=end,
        rule_revision=1,
        state="final" if revision == 1 else "corrected",
        closed=True,
        value=float(minute * 7919 % 1000) / 10 + revision,
        numerator=1.0,
        denominator=1.0,
        coverage=1.0,
        observed=15,
        flagged=0,
        reason="",
        stations=[1, 2, 3],
        silent=[],
        watermark=end,
        computed_at=end,
        change_number=0,
        station_count=3,
    )


def change_rows(city: str, count: int, end: datetime) -> Rows:
    """The newest changes of a city."""
    rows = ((city, 100_000 - count + n, end, "value", "{}" * 50) for n in range(1, count + 1))
    return ["city", "number", "at", "kind", "body"], rows


def ledger_rows(city: str, gateways: int, lanes: Sequence[str]) -> Rows:
    """Books of each lane on each gateway."""
    columns = ["lane", "city", "gateway", "received", "stored", "duplicate", "revised", "rejected"]
    rows = (
        (lane, city, f"gw-{number}", 100, 90, 5, 3, 2)
        for lane in lanes
        for number in range(1, gateways + 1)
    )
    return columns, rows


def _hash(number: int) -> bytes:
    return sha256(str(number).encode()).digest()


def message_rows(count: int, end: datetime) -> Rows:
    """Messages of which a reading was rejected, one a minute."""
    rows = (
        (_hash(n), f"city/v1/million/air/gw-{1 + n % 1000}/dev/obs", b"{}" * 50, _at(n, end))
        for n in range(count)
    )
    return ["hash", "topic", "payload", "last_at"], rows


def letter_rows(city: str, count: int, end: datetime) -> Rows:
    """A letter for each of these messages."""
    columns = ["hash", "index", "city", "gateway", "reason", "detail", "first_at", "last_at"]
    rows = (
        (_hash(n), 0, city, f"gw-{1 + n % 1000}", "no_time", "none", _at(n, end), _at(n, end))
        for n in range(count)
    )
    return columns, rows


def _at(number: int, end: datetime) -> datetime:
    return end - timedelta(minutes=number)


def log_rows(shard: int, lanes: Sequence[str], entries: int, kind: int) -> Rows:
    """Entries of a few hundred bytes in each lane, which no two share."""
    rows = (
        (shard, lane, seq, kind, seq.to_bytes(8, "big") * 50)
        for lane in lanes
        for seq in range(1, entries + 1)
    )
    return ["shard", "lane", "seq", "kind", "body"], rows
