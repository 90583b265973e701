"""Which alert rules are in force: those of the files, or the last good ones as stored.

As with rules: one that cannot be read any more, or that changed without a new revision, stays in
force as it was last stored, and is named. Pure: whoever calls has read files and store.
"""

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from cityvitals.errors import BadRule
from kpi_rules.alerts.load import LoadedAlerts, read_body
from kpi_rules.alerts.model import AlertRule
from kpi_rules.load import Problem

_UNCHANGED: Final = "its text was changed but its revision is still {}: raise `revision`"


class StoredAlert(NamedTuple):
    """A revision of an alert rule as the store remembers it."""

    id: str
    revision: int
    digest: str
    body: Mapping[str, Any]
    file: str


class AlertBook(NamedTuple):
    """What is in force, sorted by id, and what is wrong in files and done instead, a line each."""

    alerts: tuple[AlertRule, ...]
    complaints: tuple[str, ...]


def settle_alerts(loaded: LoadedAlerts, stored: Iterable[StoredAlert]) -> AlertBook:
    """Decide what is in force.

    Args:
        loaded: what the files say, and what is wrong in them.
        stored: all that the store remembers.
    """
    known = {(one.id, one.revision): one for one in stored}
    newest = {one.id: one for one in sorted(known.values(), key=lambda one: one.revision)}
    found: dict[str, AlertRule] = {}
    complaints: list[str] = []
    for alert in loaded.alerts:
        before = known.get((alert.id, alert.revision))
        if before is None or before.digest == alert.digest:
            found[alert.id] = alert
        else:
            said = f"alert {alert.id}: {_UNCHANGED.format(alert.revision)}"
            complaints.append(_fallen_back(said, newest[alert.id], found))
    for problem in loaded.problems:
        ids = [each for each in _concerned(problem, newest) if each not in found]
        complaints += [_fallen_back(problem.message, newest[each], found) for each in ids]
        if not ids:
            complaints.append(problem.message)
    return AlertBook(tuple(found[each] for each in sorted(found)), tuple(complaints))


def _concerned(problem: Problem, newest: Mapping[str, StoredAlert]) -> list[str]:
    """Stored ones that a problem keeps from being read: of a whole file, those that stood there."""
    stood = problem.ids
    if problem.whole:
        place = PurePath(problem.file)
        stood += tuple(one.id for one in newest.values() if PurePath(one.file) == place)
    return sorted(set(stood) & newest.keys())


def _fallen_back(problem: str, before: StoredAlert, found: dict[str, AlertRule]) -> str:
    """Keep the last good revision in force, and say so."""
    try:
        found[before.id] = read_body(before.body, before.file)
    except BadRule as error:
        return f"{problem} (alert {before.id} is not watched: as stored it is wrong: {error})"
    return f"{problem} (alert {before.id}: revision {before.revision} stays in force)"
