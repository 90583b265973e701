"""Stored indicators of one rule and zone against recomputed ones."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import Records
from cityvitals.domain.names import State
from cityvitals.domain.times import iso
from cityvitals.store.audit import STATES
from cityvitals.verify.fold import Ints
from cityvitals.verify.report import SHOWN, Difference, Findings
from cityvitals.verify.rollups import close

NEWEST: Final = "indicator"
LATEST: Final = "indicator_latest"
HISTORY: Final = "revision"

_EXACT: Final = ("end", "observed", "flagged", "series", "series_sum", "stations")
_CLOSE: Final = ("value", "numerator", "denominator", "coverage")
_RELATIVE: Final = 1e-9
_INSUFFICIENT: Final = STATES.index(State.INSUFFICIENT)
_PROVISIONAL: Final = STATES.index(State.PROVISIONAL)
_CORRECTED: Final = STATES.index(State.CORRECTED)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose indicators are compared.

    Attributes:
        sealed_us: windows that begin before this cannot be recomputed: the seal, and how far the
            rule reaches before its windows.
    """

    city: str
    rule: str
    rule_revision: int
    zone: str
    sealed_us: int

    def key(self, begin: int) -> str:
        """An indicator's name, for people."""
        return f"{self.city} {self.rule} {self.zone or '(city)'} {iso(begin)}"


def newest(stored: Records) -> Records:
    """The newest revision of each window; `stored` in order of window and revision."""
    begins = stored["begin"]
    last = np.append(begins[1:] != begins[:-1], True)[: len(begins)]
    found: Records = stored[last]
    return found


def compare_newest(
    place: Place,
    stored: Records,
    latest: Records,
    expected: Records,
    heard: NDArray[np.bool_],
    out: Findings,
) -> None:
    """Compare the newest revision of each window (INDICATOR) with what it should be.

    Args:
        place: whose.
        stored: one row for each window; open ones are compared in `indicator_latest`.
        latest: what stands there, none or one.
        expected: what they should be (EXPECTED).
        heard: whether any of the city's stations has a partial that each expected window, or what
            its inputs fold, reaches.
        out: takes the findings.
    """
    tally = out.tally(NEWEST)
    tally.sealed += int((stored["begin"] < place.sealed_us).sum())
    stored = stored[stored["begin"] >= place.sealed_us]
    # A later revision may say that nothing is left of what there was; a first one may not. Of an
    # open window, the later one may stand among the latest alone.
    silent = np.isin(stored["begin"], expected["begin"][~heard]) & (stored["revision"] == 1)
    silent &= ~np.isin(stored["begin"], latest["begin"][latest["revision"] > 1])
    _superfluous(NEWEST, place, stored["begin"][silent], out)
    tally.checked += int(silent.sum())
    stored = stored[~silent]
    tally.open += int((~stored["closed"]).sum())
    compare(NEWEST, place, stored[stored["closed"]], expected, out)


def _superfluous(kind: str, place: Place, begins: Ints, out: Findings) -> None:
    out.tally(kind).different += len(begins)
    for begin in begins[:SHOWN].tolist():
        out.differ(Difference(kind, place.key(begin), "superfluous", "a row", "none"))


def check_closed(place: Place, stored: Records, watermark_us: int, out: Findings) -> None:
    """Check that no window (INDICATOR, newest revisions) is open behind the watermark.

    Args:
        place: whose.
        stored: one row for each window.
        watermark_us: less what a rule's levels reach beyond its windows.
        out: takes the findings.
    """
    tally = out.tally(NEWEST)
    late = ~stored["closed"] & (stored["end"] <= watermark_us)
    late &= stored["begin"] >= place.sealed_us
    tally.checked += int(late.sum())
    tally.different += int(late.sum())
    for begin in stored["begin"][late][:SHOWN].tolist():
        key = place.key(begin)
        out.differ(Difference(NEWEST, key, "open behind the watermark", "open", "closed"))


def compare(kind: str, place: Place, stored: Records, expected: Records, out: Findings) -> None:
    """Compare rows with what they should be; both in order of windows, one row each."""
    tally = out.tally(kind)
    tally.checked += len(stored)
    allowed = expected[expected["placed"]]
    begins, mine, theirs = np.intersect1d(stored["begin"], allowed["begin"], return_indices=True)
    _superfluous(kind, place, np.setdiff1d(stored["begin"], begins), out)
    rows, right = stored[mine], allowed[theirs]
    wrong = np.zeros(len(rows), np.bool_)
    for field in (*_CLOSE, *_EXACT):
        bad = ~_same(field, rows[field], right[field])
        wrong |= bad
        _show(kind, place, field, bad, rows, right[field], out)
    lacking = np.isnan(right["value"])
    bad = (rows["state"] == _INSUFFICIENT) != lacking
    _show(kind, place, "state", bad, rows, np.where(lacking, _INSUFFICIENT, -1), out)
    old = rows["rule_revision"] != place.rule_revision
    _show(kind, place, "rule_revision", old, rows, np.full(len(rows), place.rule_revision), out)
    tally.different += int((wrong | bad | old).sum())


def _same(field: str, stored: Any, expected: Any) -> NDArray[np.bool_]:
    if field in _CLOSE:
        return close(stored, expected, _RELATIVE)
    same: NDArray[np.bool_] = stored == expected
    return same


def _show(
    kind: str,
    place: Place,
    field: str,
    bad: NDArray[np.bool_],
    rows: Records,
    expected: Any,
    out: Findings,
) -> None:
    for at in np.flatnonzero(bad)[:SHOWN].tolist():
        pair = (_readable(field, rows[field][at]), _readable(field, expected[at]))
        out.differ(Difference(kind, place.key(int(rows["begin"][at])), field, *pair))


def _readable(field: str, value: Any) -> Any:
    if field == "state":
        return STATES[value] if value >= 0 else "a state with a value"
    if field == "end":
        return iso(int(value))
    plain = value.item()
    return None if isinstance(plain, float) and np.isnan(plain) else plain


def compare_windows(
    place: Place, have: Ints, needed: Records, watermark_us: int, out: Findings
) -> None:
    """Find windows without any row.

    Args:
        place: whose.
        have: begins of windows that have a row.
        needed: windows (EXPECTED) that must have one.
        watermark_us: windows whose last step begins here or later are not derived yet.
        out: takes the findings.
    """
    tally = out.tally(NEWEST)
    needed = needed[(needed["begin"] >= place.sealed_us)]
    missing = needed[~np.isin(needed["begin"], have)]
    waiting = missing["opens"] >= watermark_us
    tally.open += int(waiting.sum())
    missing = missing[~waiting]
    tally.checked += len(missing)
    tally.different += len(missing)
    for row in missing[:SHOWN]:
        lacks = np.isnan(row["value"])
        should = "insufficient" if lacks else float(row["value"])
        out.differ(Difference(NEWEST, place.key(int(row["begin"])), "missing", "no row", should))


def check_history(place: Place, stored: Records, out: Findings) -> None:
    """Check how revisions follow each other (INDICATOR, in order of window and revision)."""
    tally = out.tally(HISTORY)
    tally.checked += len(stored)
    state, closed, revision = stored["state"], stored["closed"], stored["revision"]
    follows = stored["begin"][1:] == stored["begin"][:-1]
    after = follows & closed[:-1]
    step = revision[1:] - revision[:-1]
    _broken(place, stored, "first number", revision < 1, out)
    _broken(place, stored[1:], "number not rising", follows & (step < 1), out)
    _broken(place, stored[1:], "number skipped after a closed one", after & (step > 1), out)
    _broken(place, stored[1:], "open after a closed one", after & ~closed[1:], out)
    again = after & closed[1:] & (state[1:] != _CORRECTED) & (state[1:] != _INSUFFICIENT)
    _broken(place, stored[1:], "neither corrected nor insufficient after a closed one", again, out)
    fits = (state == _INSUFFICIENT) | (closed == (state != _PROVISIONAL))
    _broken(place, stored, "closed does not fit the state", ~fits, out)


def _broken(place: Place, rows: Records, what: str, bad: NDArray[np.bool_], out: Findings) -> None:
    out.tally(HISTORY).different += int(bad.sum())
    for row in rows[bad][:SHOWN]:
        shown = f"revision {row['revision']} {STATES[row['state']]}"
        key = place.key(int(row["begin"]))
        out.differ(Difference(HISTORY, key, what, shown, "not so"))


def check_latest(place: Place, saved: Records, latest: Records, out: Findings) -> None:
    """Check that the latest row (INDICATOR, none or one) is of the newest window and revision."""
    if not len(saved):
        return
    last = saved[-1]
    key = place.key(int(last["begin"]))
    if not len(latest):
        out.check(LATEST, key, "missing", "no row", iso(int(last["begin"])))
        return
    row = latest[0]
    behind = (row["begin"], row["revision"]) < (last["begin"], last["revision"])
    if behind:
        shown = f"{iso(int(row['begin']))} revision {row['revision']}"
        out.check(LATEST, key, "newest", shown, f"{iso(int(last['begin']))} {last['revision']}")
