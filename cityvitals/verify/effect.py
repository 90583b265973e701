"""What a changed rule would do to stored indicators: counts, and the largest change. Pure."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import Records
from cityvitals.domain.times import iso
from cityvitals.verify.rollups import close
from kpi_rules.model import Rule
from kpi_rules.present import find_band

_RELATIVE: Final = 1e-9
"""As `verify` has it: what differs less is equal."""
_NO_BAND: Final = "no band"


class Change(NamedTuple):
    """One value that would be another; zone "" is the city."""

    zone: str
    begin_us: int
    before: float
    after: float

    @property
    def size(self) -> float:
        """How far apart the two are."""
        return abs(self.after - self.before)


@dataclass(slots=True)
class Effect:
    """What one rule's change would do in one city; windows are counted in every zone.

    Attributes:
        windows: stored ones that are final, and that the changed rule has, too.
        changed: of those, how many have another value.
        lost: a value where there would be none; gained: the other way round.
        gone: stored ones that the changed rule does not have; new: those that it adds.
        largest: the largest change of a value; None where units differ, or nothing changes.
        bands: how often which band becomes which.
        first_us, last_us: begins of the first and last stored window, of the changed ones.
        units: the stored unit, where it is another.
        note: what keeps this from being told, or must be known with it.
    """

    rule: str
    revision: int
    city: str
    windows: int = 0
    changed: int = 0
    lost: int = 0
    gained: int = 0
    gone: int = 0
    new: int = 0
    largest: Change | None = None
    bands: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_us: int | None = None
    last_us: int | None = None
    first_changed_us: int | None = None
    last_changed_us: int | None = None
    units: str = ""
    note: str = ""

    @property
    def is_none(self) -> bool:
        """Whether nothing stored would change."""
        return not (self.changed or self.lost or self.gained or self.gone or self.new or self.bands)

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON, times as text."""
        largest = self.largest
        return {
            "rule": self.rule,
            "revision": self.revision,
            "city": self.city,
            **{
                name: getattr(self, name)
                for name in ("windows", "changed", "lost", "gained", "gone", "new")
            },
            "largest": None
            if largest is None
            else {
                "zone": largest.zone or None,
                "window_begin": iso(largest.begin_us),
                "before": largest.before,
                "after": largest.after,
                "change": largest.size,
            },
            "bands": [
                {"from": before, "to": after, "windows": count}
                for (before, after), count in self.bands.most_common()
            ],
            "first": _time(self.first_us),
            "last": _time(self.last_us),
            "first_changed": _time(self.first_changed_us),
            "last_changed": _time(self.last_changed_us),
            "stored_unit": self.units or None,
            "note": self.note,
        }


def _time(moment_us: int | None) -> str | None:
    return None if moment_us is None else iso(moment_us)


def add_zone(
    effect: Effect,
    rule: Rule,
    zone: str,
    stored: Records,
    expected: Records,
    bodies: Mapping[int, Mapping[str, Any]],
) -> None:
    """Take in the windows of one zone.

    Args:
        effect: is added to.
        rule: the changed one.
        zone: '' is the city.
        stored: final windows' newest revisions (INDICATOR), ascending.
        expected: what the changed rule gives (EXPECTED) where it gives anything, ascending.
        bodies: of the stored rule, by revision.
    """
    _stretch(effect, stored["begin"])
    begins, mine, theirs = np.intersect1d(stored["begin"], expected["begin"], return_indices=True)
    same_end = stored["end"][mine] == expected["end"][theirs]
    begins, mine, theirs = begins[same_end], mine[same_end], theirs[same_end]
    effect.windows += len(begins)
    effect.gone += len(stored) - len(begins)
    effect.new += len(expected) - len(begins)
    rows, after = stored[mine], expected["value"][theirs]
    made_by = [bodies.get(each, {}) for each in np.unique(rows["rule_revision"]).tolist()]
    units = {str(body["unit"]) for body in made_by if body}
    effect.units = ", ".join(sorted(units - {rule.unit})) or effect.units
    differs = ~close(rows["value"], after, _RELATIVE)
    _count(effect, zone, begins, rows["value"], after, differs)
    _bands(effect, rule, rows, after, bodies)


def _stretch(effect: Effect, begins: NDArray[np.int64]) -> None:
    if len(begins):
        first, last = int(begins[0]), int(begins[-1])
        effect.first_us = first if effect.first_us is None else min(first, effect.first_us)
        effect.last_us = last if effect.last_us is None else max(last, effect.last_us)


def _count(
    effect: Effect,
    zone: str,
    begins: NDArray[np.int64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    differs: NDArray[np.bool_],
) -> None:
    was, will = ~np.isnan(before), ~np.isnan(after)
    effect.lost += int((was & ~will).sum())
    effect.gained += int((~was & will).sum())
    both = differs & was & will
    effect.changed += int(both.sum())
    touched = begins[differs]
    if len(touched):
        first, last = int(touched[0]), int(touched[-1])
        effect.first_changed_us = min(first, effect.first_changed_us or first)
        effect.last_changed_us = max(last, effect.last_changed_us or last)
    for at in np.flatnonzero(both)[np.argsort(-np.abs(after - before)[both], kind="stable")][:1]:
        found = Change(zone, int(begins[at]), float(before[at]), float(after[at]))
        if effect.largest is None or found.size > effect.largest.size:
            effect.largest = found


def _bands(
    effect: Effect,
    rule: Rule,
    rows: Records,
    after: NDArray[np.float64],
    bodies: Mapping[int, Mapping[str, Any]],
) -> None:
    new = rule.body()["bands"]
    for row, value in zip(rows, after.tolist(), strict=True):
        old = bodies.get(int(row["rule_revision"]), {}).get("bands", ())
        pair = (_band(old, float(row["value"])), _band(new, value))
        if pair[0] != pair[1]:
            effect.bands[pair] += 1


def _band(bands: Any, value: float) -> str:
    if math.isnan(value):
        return "no value"
    return find_band(bands, value) or _NO_BAND
