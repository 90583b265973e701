"""Alerts judged again from stored final windows: all of a place at once, no state machine."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import Records
from cityvitals.domain.times import iso
from cityvitals.errors import BadRule
from cityvitals.store.audit import AlertAudit, Audit, AuditCity
from cityvitals.verify.edges import windows_over
from cityvitals.verify.fold import Ints
from cityvitals.verify.layers import cutting_of
from cityvitals.verify.report import Findings
from kpi_rules.alerts.load import read_body
from kpi_rules.alerts.model import AlertRule, Side
from kpi_rules.model import Rule

ALERT: Final = "alert"
Floats = NDArray[np.float64]


class Stretch(NamedTuple):
    """What there should be: begins of windows, microseconds; the names are those of the table."""

    since: int
    raised_by: int
    until: int | None
    cleared_by: int | None
    peak: float
    peak_at: int


async def verify_alerts(
    audit: Audit, city: AuditCity, rules: Sequence[Rule], out: Findings
) -> None:
    """Judge again by each alert rule that has judged all of a city's history, and compare.

    Raises:
        StoreUnavailable: the server went away.
    """
    known = {rule.id: rule for rule in rules}
    zones = sorted({"", *await audit.zones(city.id)})
    for name, body, file in await audit.judged_alerts(city.id):
        try:
            alert = read_body(body, file)
        except BadRule as error:
            out.notes.append(f"{city.id}: alert rule {name} cannot be read, not checked: {error}")
            continue
        if alert.rule not in known:
            out.notes.append(f"{city.id}: alert rule {name}: no rule {alert.rule}, not checked")
            continue
        windows = await audit.final_windows(city.id, alert.rule, zones)
        stored = await audit.alerts(city.id, name)
        for number, zone in enumerate(zones):
            right = []
            if alert.watches(city.id, zone):
                mine = windows[windows["zone"] == number]
                right = stretches(alert, known[alert.rule], city.time_zone, mine)
            _compare(f"{city.id} {name} {zone or '(city)'}", zone, stored, right, out)
        _check_events(city, name, stored, out)


def stretches(alert: AlertRule, rule: Rule, time_zone: str, windows: Records) -> list[Stretch]:
    """The alerts that final windows of one place call for, in order of time.

    Args:
        alert: when it is one.
        rule: whose windows they are.
        time_zone: of the city.
        windows: FINAL, ascending.
    """
    if not len(windows):
        return []
    # Each window that is there and the one after it: where that one is missing, a gap is seen.
    grid = windows_over(cutting_of(rule, time_zone), windows["begin"], windows["end"]).begins
    grid = np.union1d(grid, windows["begin"])
    values = np.full(len(grid), np.nan)
    values[np.searchsorted(grid, windows["begin"])] = windows["value"]
    return list(_found(alert, grid, values))


def _found(alert: AlertRule, grid: Ints, values: Floats) -> Iterator[Stretch]:
    above = alert.side is Side.ABOVE
    beyond = values > alert.threshold if above else values < alert.threshold
    clear = values <= alert.clear if above else values >= alert.clear
    raising = np.flatnonzero(_run(beyond) >= alert.windows)
    clearing = np.flatnonzero(_run(clear) >= alert.clear_windows)
    place = -1
    while len(later := raising[raising > place]):
        raised = int(later[0])
        first = raised - alert.windows + 1
        ended = clearing[clearing > raised]
        last = int(ended[0]) if len(ended) else len(grid) - 1
        held = values[first : last + 1]
        worst = first + int(np.nanargmax(held) if above else np.nanargmin(held))
        yield Stretch(
            int(grid[first]),
            int(grid[raised]),
            int(grid[last - alert.clear_windows + 1]) if len(ended) else None,
            int(grid[last]) if len(ended) else None,
            float(values[worst]),
            int(grid[worst]),
        )
        if not len(ended):
            return
        place = last


def _run(flags: NDArray[np.bool_]) -> Ints:
    """How many in a row are true, up to each place."""
    at = np.arange(len(flags), dtype=np.int64)
    found: Ints = at - np.maximum.accumulate(np.where(flags, -1, at))
    return found


def _compare(
    key: str, zone: str, stored: Sequence[AlertAudit], right: Sequence[Stretch], out: Findings
) -> None:
    have = {one.since: one for one in stored if one.zone == zone and one.state != "withdrawn"}
    for one in right:
        name, is_ = f"{key} since {iso(one.since)}", have.pop(one.since, None)
        out.check(ALERT, name, "missing", is_ is None, expected=False)
        if is_ is not None:
            state = "active" if one.until is None else "cleared"
            out.check(ALERT, name, "state", is_.state, state)
            for field in Stretch._fields:
                out.check(ALERT, name, field, getattr(is_, field), getattr(one, field))
    for since in have:
        out.check(ALERT, f"{key} since {iso(since)}", "superfluous", stored=True, expected=False)


def _check_events(city: AuditCity, name: str, stored: Sequence[AlertAudit], out: Findings) -> None:
    """Each was raised once, and what happened to it is numbered on and told of."""
    for one in stored:
        key = f"{city.id} {name} {one.id}"
        out.check(ALERT, key, "events", one.events, one.noted)
        out.check(ALERT, key, "last event", one.numbered, one.noted)
        out.check(ALERT, key, "times raised", one.raised, 1)
        out.check(ALERT, key, "events in the change log", one.told, expected=True)
