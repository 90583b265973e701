"""What changed against what was said before: revisions, states, numbered changes."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.derive import Derived
from aggregator.facts import Facts, as_shown
from aggregator.kernels.fold import NONE
from aggregator.plan import RulePlan
from aggregator.progress import EVERYTHING
from aggregator.series_table import Ints
from cityvitals.domain.names import State
from cityvitals.domain.times import US, from_us, to_us
from cityvitals.store.derived import ChangeRow, IndicatorRow, as_mapping
from kpi_rules.present import present

Key = tuple[str, str, str, int]
"""City, rule, zone, window begin (microseconds)."""


@dataclass(slots=True)
class Known:
    """The newest revision of one window, as said before.

    Attributes:
        unsaved: its row, while `indicator_latest` alone has it.
    """

    content: tuple[Any, ...]
    revision: int
    saved_us: int
    closed: bool
    unsaved: IndicatorRow | None = None


@dataclass(slots=True)
class Outputs:
    """What one transaction writes beside rollups."""

    kept: list[IndicatorRow] = field(default_factory=list)
    latest: dict[tuple[str, str, str], IndicatorRow] = field(default_factory=dict)
    changes: list[ChangeRow] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for one rule's windows beside their data.

    Attributes:
        closing: whether the value is final as of now [w, g].
        watermarks: per group [g].
        silent: per group, names of gateways left out.
        now_us: when this is computed.
    """

    closing: NDArray[np.bool_]
    watermarks: Ints
    silent: list[list[str]]
    now_us: int


class Emitter:
    """What a shard has said of its windows.

    Bounded: windows that are not final, and the newest of each indicator; others are asked of the
    store when they are derived again.
    """

    def __init__(self, series_ids: NDArray[np.int32], provisional_every_s: float) -> None:
        self._ids = series_ids
        self._every_us = round(provisional_every_s * US)
        self._known: dict[Key, Known] = {}
        self._newest: dict[tuple[str, str, str], int] = {}
        self.numbers: dict[str, int] = {}
        self.facts = Facts()

    def see_series(self, series_ids: NDArray[np.int32]) -> None:
        """Series ids by row, whenever there are more."""
        self._ids = series_ids

    def learn(self, rows: Iterable[Mapping[str, Any]], *, newest: bool = False) -> None:
        """Take over revisions from the store; `newest` where they are the indicators' latest."""
        for row in rows:
            begin = to_us(row["window_begin"])
            key = (row["city"], row["rule"], row["zone"], begin)
            self._known[key] = Known(
                _compared_items(row), row["revision"], to_us(row["computed_at"]), row["closed"]
            )
            if newest:
                self._newest[key[:3]] = begin

    def unknown(self, plan: RulePlan, begins: Ints) -> list[Key]:
        """Windows of which the store may know something that is not known here."""
        found = []
        for zone in plan.groups:
            newest = self._newest.get((plan.city.id, plan.rule.id, zone), NONE)
            for begin in begins[begins <= newest].tolist():
                key = (plan.city.id, plan.rule.id, zone, begin)
                if key not in self._known:
                    found.append(key)
        return found

    def closed_before(self, plan: RulePlan, begins: Ints) -> NDArray[np.bool_]:
        """Which windows were final already [w, g]."""
        found = np.zeros((len(begins), len(plan.groups)), np.bool_)
        for g, zone in enumerate(plan.groups):
            for w, begin in enumerate(begins.tolist()):
                known = self._known.get((plan.city.id, plan.rule.id, zone, begin))
                found[w, g] = known is not None and known.closed
        return found

    def emit(self, plan: RulePlan, found: Derived, around: Circumstances, out: Outputs) -> None:
        """Add what differs from what was said before."""
        for w, begin in enumerate(found.begins.tolist()):
            for g, zone in enumerate(plan.groups):
                if not found.present[w, g] and not self._is_left(plan, zone, begin):
                    continue
                if around.watermarks[g] <= begin + plan.reach.lead and not around.closing[w, g]:
                    continue
                self._emit_one(
                    (plan.city.id, plan.rule.id, zone, begin), plan, found, around, w, g, out
                )

    def _is_left(self, plan: RulePlan, zone: str, begin: int) -> bool:
        """Whether a window said something by facts alone, of which nothing may be left."""
        return not plan.rule.inputs and (plan.city.id, plan.rule.id, zone, begin) in self._known

    def _emit_one(
        self,
        key: Key,
        plan: RulePlan,
        found: Derived,
        around: Circumstances,
        w: int,
        g: int,
        out: Outputs,
    ) -> None:
        before = self._known.get(key)
        if before is None and not found.spoken[w]:
            return  # nobody has ever said anything for this window
        closed = bool(around.closing[w, g])
        row = self._row(key, plan, found, around, w, g, before)
        content = _compared(row)
        if before is not None and before.content == content and before.closed == closed:
            self._remember(key, before)
            return
        self._take_number(row, out)
        newest = self._newest.get(key[:3], NONE)
        since = NONE if before is None else before.saved_us
        settled = closed or key[3] < newest or around.now_us - since >= self._every_us
        if settled:
            out.kept.append(row)
            self._remember(key, Known(content, row.revision, around.now_us, closed))
        else:
            self._remember(key, Known(content, row.revision, since, closed, row))
        if key[3] >= newest:
            self._pass((*key[:3], newest), key, out)
            self._newest[key[:3]] = key[3]
            out.latest[key[:3]] = row
        kind = "correction" if before is not None and before.closed else "value"
        facts = [as_shown(fact) for fact in self.facts.rows(row.facts)]
        body = msgspec.json.encode(present(plan.body, as_mapping(row), facts)).decode()
        out.changes.append(ChangeRow(key[0], row.change_number, row.computed_at, kind, body))

    def _pass(self, before: Key, key: Key, out: Outputs) -> None:
        """A newer window takes the place in `indicator_latest`: what only stood there is saved."""
        known = self._known.get(before)
        if before != key and known is not None and known.unsaved is not None:
            out.kept.append(known.unsaved)
            known.unsaved = None

    def _row(
        self,
        key: Key,
        plan: RulePlan,
        found: Derived,
        around: Circumstances,
        w: int,
        g: int,
        before: Known | None,
    ) -> IndicatorRow:
        reason = found.reasons[w][g]
        closed = bool(around.closing[w, g])
        mark = int(around.watermarks[g])
        return IndicatorRow(
            city=key[0],
            rule=key[1],
            zone=key[2],
            window_begin=from_us(key[3]),
            revision=1 if before is None else before.revision + 1,
            window_end=from_us(int(found.ends[w])),
            rule_revision=plan.rule.revision,
            state=_state(reason, before, closed=closed),
            closed=closed,
            value=_number(found.value[w, g]),
            numerator=_number(found.numerator[w, g]),
            denominator=_number(found.denominator[w, g]),
            coverage=float(found.coverage[w, g]),
            observed=int(found.observed[w, g]),
            flagged=int(found.flagged[w, g]),
            reason=reason,
            stations=self._stations(plan, found, w, g),
            silent=around.silent[g],
            watermark=None if mark in {NONE, EVERYTHING} else from_us(mark),
            computed_at=from_us(around.now_us),
            change_number=self.numbers.get(key[0], 0) + 1,
            facts=self.facts.used(plan, key[2], int(found.ends[w])),
        )

    def _stations(self, plan: RulePlan, found: Derived, w: int, g: int) -> list[int]:
        """Ids of the series that took part, each once, in natural-key order."""
        ids: list[int] = []
        for members, valid in zip(plan.members, found.valid, strict=True):
            low, high = members.offsets[g], members.offsets[g + 1]
            ids += self._ids[members.rows[low:high][valid[w, low:high]]].tolist()
        return list(dict.fromkeys(ids))

    def _take_number(self, row: IndicatorRow, out: Outputs) -> None:
        self.numbers[row.city] = out.numbers[row.city] = row.change_number

    def _remember(self, key: Key, known: Known) -> None:
        """Keep what may be needed again soon; final windows but the newest are not."""
        newest = self._newest.get(key[:3], NONE)
        if key[3] > newest and newest != NONE:
            passed = (*key[:3], newest)
            if passed in self._known and self._known[passed].closed:
                del self._known[passed]
        if known.closed and key[3] < newest:
            self._known.pop(key, None)
        else:
            self._known[key] = known


_COMPARED = ("value", "numerator", "denominator", "coverage", "observed", "flagged", "reason")
_compared = attrgetter(*_COMPARED, "rule_revision", "stations", "facts")
_compared_items = itemgetter(*_COMPARED, "rule_revision", "stations", "facts")
"""What makes one revision differ from another; not when or after how much it was computed."""


def _state(reason: str, before: Known | None, *, closed: bool) -> str:
    if reason:
        return State.INSUFFICIENT
    if not closed:
        return State.PROVISIONAL
    return State.CORRECTED if before is not None and before.closed else State.FINAL


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
