"""The comparisons, each of one answer of the service with the truth; pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from cityvitals.domain.times import BUCKET_US, US, iso, to_us
from simulator.check.expected import Quarter
from simulator.check.indicators import Expected, Window
from simulator.check.verdict import Verdict
from simulator.truth import SeriesName, Truth

_RELATIVE: Final = 1e-9
"""Of derived numbers: far above what the order of additions can do, far below any reading."""
_OUTCOMES: Final = ("received", "stored", "duplicate", "revised", "rejected")
_EXCLUDING: Final = {"out_of_range", "fault_code"}


def ledger(truth: Truth, answer: Mapping[str, Any], again: int, out: Verdict) -> None:
    """The books of each gateway.

    Args:
        truth: what was sent.
        answer: what /v1/cities/{city}/ledger says.
        again: readings that were sent again after lost connections, and may have come twice.
        out: takes the findings.
    """
    lines = {line["gateway"]: line for line in answer["gateways"]}
    nothing = Counter[str]()
    for gateway in sorted(lines.keys() | truth.books.keys()):
        line, books = lines.get(gateway, nothing), truth.books.get(gateway, nothing)
        out.checked["ledger"] += 1
        for outcome in _OUTCOMES:
            found, expected = line[outcome], books[outcome]
            spare = again if outcome in {"received", "duplicate"} else 0
            if not expected <= found <= expected + spare:
                out.differ("ledger", gateway, outcome, found, expected)
    if not answer["closes"]:
        out.differ("ledger", truth.city, "closes", "no", "yes")


def readings(truth: Truth, items: Iterable[Mapping[str, Any]], out: Verdict) -> None:
    """Each current reading: there, once, with its value, `rev` and what excludes it."""
    seen: dict[SeriesName, set[int]] = {name: set() for name in truth.series}
    for item in items:
        name, us = _name(item), micros(item["observed_at"])
        out.checked["reading"] += 1
        one = truth.series.get(name)
        said = None if one is None else one.current.get(us)
        where = f"{named(name)} {iso(us)}"
        if said is None or us in seen[name]:
            out.differ("reading", where, "rows", "one more", "none more")
            continue
        seen[name].add(us)
        flags = ",".join(sorted(_EXCLUDING & set(item["flags"])))
        for what, found, expected in (
            ("value", item["value"], said.value),
            ("rev", item["rev"], said.rev),
            ("flags", flags, said.flags),
        ):
            if found != expected:
                out.differ("reading", where, what, found, expected)
    for name, one in truth.series.items():
        for us in sorted(one.current.keys() - seen[name]):
            said = one.current[us]
            out.checked["reading"] += 1
            out.differ("reading", f"{named(name)} {iso(us)}", "value", None, said.value)


def rollups(
    truth: Truth,
    expected: Mapping[SeriesName, Mapping[int, Quarter]],
    items: Iterable[Mapping[str, Any]],
    out: Verdict,
) -> None:
    """Each quarter hour of each series; those that may still be open count as such."""
    seen: set[tuple[SeriesName, int]] = set()
    for item in items:
        name, begin = _name(item), micros(item["begin"])
        where = f"{named(name)} {iso(begin)}"
        out.checked["rollup"] += 1
        quarter = expected.get(name, {}).get(begin)
        if quarter is None or (name, begin) in seen:
            out.differ("rollup", where, "rows", "one more", "none more")
            continue
        seen.add((name, begin))
        for what, wanted in _fields(quarter).items():
            if not _equal(item[what], wanted):
                out.differ("rollup", where, what, item[what], wanted)
    for name, own in expected.items():
        open_from = _open_from(truth, name)
        for begin in sorted(begin for begin in own if (name, begin) not in seen):
            if begin >= open_from:
                out.open["rollup"] += 1
            else:
                out.checked["rollup"] += 1
                out.differ("rollup", f"{named(name)} {iso(begin)}", "rows", "none", "one")


def indicators(
    expected: Mapping[Window, Expected],
    found: Mapping[Window, Mapping[str, Any]],
    complete_to: int | None,
    out: Verdict,
) -> None:
    """Each window of the checked rules, as far as the city is complete.

    Args:
        expected: what must be.
        found: what is, as the API shows it.
        complete_to: the service waits for nothing that was observed before; None is for nothing.
        out: takes the findings.
    """
    for window in sorted(expected.keys() | found.keys()):
        if complete_to is not None and window.end > complete_to:
            out.open["indicator"] += 1
            continue
        item = found.get(window)
        wanted = expected.get(window, Expected(None, 0.0))
        where = f"{window.rule} {window.zone or '(city)'} {iso(window.begin)}"
        out.checked["indicator"] += 1
        value = None if item is None else item["value"]
        if not _equal(value, wanted.value):
            out.differ("indicator", where, "value", value, wanted.value)
        if item is not None and not _equal(item["coverage"], wanted.coverage):
            out.differ("indicator", where, "coverage", item["coverage"], wanted.coverage)


def micros(text: str) -> int:
    """Microseconds since 1970 UTC of an RFC 3339 time."""
    return to_us(datetime.fromisoformat(text))


def named(name: SeriesName) -> str:
    """A series for people."""
    return "/".join(part for part in name if part)


def _name(item: Mapping[str, Any]) -> SeriesName:
    return SeriesName(item["sensor"], item["quantity"], item["channel"])


def _open_from(truth: Truth, name: SeriesName) -> int:
    """The quarter hour in which the newest reading's span begins: it may still be in memory."""
    one = truth.series[name]
    newest = max(one.current, default=0)
    if one.meta.period_s and one.meta.stamp is not None:
        newest -= round(one.meta.period_s * US) * one.meta.stamp.value
    return newest // BUCKET_US * BUCKET_US


def _fields(quarter: Quarter) -> dict[str, Any]:
    """A quarter hour as the API shows it."""
    values = quarter.values
    return {
        "count": len(values),
        "flagged": quarter.flagged,
        "sum": math.fsum(values),
        "sumsq": math.fsum(value * value for value in values),
        "min": min(quarter.shares, default=None),
        "max": max(quarter.shares, default=None),
        "first": quarter.first[1] if quarter.first else None,
        "last": quarter.last[1] if quarter.last else None,
        "integral": quarter.integral,
        "covered_seconds": quarter.covered / US,
        "increase": math.fsum(quarter.rises),
    }


def _equal(found: Any, expected: Any) -> bool:
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=_RELATIVE, abs_tol=1e-9)
