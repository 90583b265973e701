"""Dated statements, pure: what a new statement changes in what was stated before.

A statement without a date of its own holds from ever if it is the first, else from its arrival.
Stating again what holds already changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from cityvitals.domain.series import Declaration
from cityvitals.domain.times import EARLIEST_US, ceil_bucket


class Placed(NamedTuple):
    """A sensor stands in a zone, or in none, from a time on."""

    zone: str | None
    from_us: int


def in_force(declared: Sequence[Declaration], at_us: int) -> Declaration | None:
    """The newest declaration that began at or before a time, or else the first.

    Args:
        declared: oldest first, all of one source.
        at_us: microseconds since 1970 UTC.
    """
    begun = [one for one in declared if one.since_us <= at_us]
    return begun[-1] if begun else next(iter(declared), None)


def new_declaration(
    before: Sequence[Declaration], stated: Declaration, since_us: int | None, at_us: int
) -> Declaration | None:
    """The declaration to add for a statement, or None where it holds already.

    Args:
        before: what the same source declared, oldest first.
        stated: what is declared now; its own `since_us` is not looked at.
        since_us: from when it holds, where the statement says so.
        at_us: when it arrived.
    """
    since = _begin(since_us, at_us, first=not before)
    held = in_force(before, since)
    made = replace(stated, since_us=since)
    if held is not None and replace(held, since_us=since) == made:
        return None
    return made


def new_placement(
    before: Sequence[Placed], zone: str | None, since_us: int | None, at_us: int
) -> Placed | None:
    """The placement to add for a statement, or None where it holds already.

    A sensor moves at the next quarter-hour edge. Arguments as for `new_declaration`.
    """
    begin = _begin(since_us, at_us, first=not before)
    begin = begin if begin == EARLIEST_US else ceil_bucket(begin)
    begun = [one for one in before if one.from_us <= begin]
    held = begun[-1].zone if begun else None
    return None if held == zone else Placed(zone, begin)


def _begin(since_us: int | None, at_us: int, *, first: bool) -> int:
    if since_us is not None:
        return since_us
    return EARLIEST_US if first else at_us
