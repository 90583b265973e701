"""What changed against what was said before: revisions, states, numbered changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.derive import Derived
from aggregator.facts import Facts, as_shown
from aggregator.kernels.fold import NONE
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from aggregator.sheet import Circumstances, Content, Sheet
from cityvitals.domain.names import State
from cityvitals.domain.times import US, to_us
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
        sheet = Sheet(plan, found, around, self._ids)
        opens = [mark - plan.reach.lead for mark in sheet.marks]
        for w, begin in enumerate(sheet.begins):
            for g, zone in enumerate(plan.groups):
                if not sheet.present[w][g] and not self._is_left(plan, zone, begin):
                    continue
                if opens[g] <= begin and not sheet.closing[w][g]:
                    continue
                self._emit_one((plan.city.id, plan.rule.id, zone, begin), sheet, w, g, out)

    def _is_left(self, plan: RulePlan, zone: str, begin: int) -> bool:
        """Whether a window said something by facts alone, of which nothing may be left."""
        return not plan.rule.inputs and (plan.city.id, plan.rule.id, zone, begin) in self._known

    def _emit_one(self, key: Key, sheet: Sheet, w: int, g: int, out: Outputs) -> None:
        before = self._known.get(key)
        if before is None and not sheet.spoken[w]:
            return  # nobody has ever said anything for this window
        closed = sheet.closing[w][g]
        content = sheet.content(
            w, g, self.facts.used(sheet.plan, key[2], begin_us=key[3], end_us=sheet.ends[w])
        )
        if before is not None and before.content == content and before.closed == closed:
            self._remember(key, before)
            return
        row = self._row(key, sheet, w, g, content, before)
        self._take_number(row, out)
        newest = self._newest.get(key[:3], NONE)
        since = NONE if before is None else before.saved_us
        settled = closed or key[3] < newest or sheet.now_us - since >= self._every_us
        if settled:
            out.kept.append(row)
            self._remember(key, Known(content, row.revision, sheet.now_us, closed))
        else:
            self._remember(key, Known(content, row.revision, since, closed, row))
        if key[3] >= newest:
            self._pass((*key[:3], newest), key, out)
            self._newest[key[:3]] = key[3]
            out.latest[key[:3]] = row
        kind = "correction" if before is not None and before.closed else "value"
        facts = [as_shown(fact) for fact in self.facts.rows(row.facts)]
        body = msgspec.json.encode(present(sheet.plan.body, as_mapping(row), facts)).decode()
        out.changes.append(ChangeRow(key[0], row.change_number, row.computed_at, kind, body))

    def _pass(self, before: Key, key: Key, out: Outputs) -> None:
        """A newer window takes the place in `indicator_latest`: what only stood there is saved."""
        known = self._known.get(before)
        if before != key and known is not None and known.unsaved is not None:
            out.kept.append(known.unsaved)
            known.unsaved = None

    def _row(
        self, key: Key, sheet: Sheet, w: int, g: int, content: Content, before: Known | None
    ) -> IndicatorRow:
        value, numerator, denominator, coverage, observed, flagged = content[:6]
        reason, rule_revision, stations, facts = content[6:]
        closed = sheet.closing[w][g]
        return IndicatorRow(
            city=key[0],
            rule=key[1],
            zone=key[2],
            window_begin=sheet.begin_times[w],
            revision=1 if before is None else before.revision + 1,
            window_end=sheet.end_times[w],
            rule_revision=rule_revision,
            state=_state(reason, before, closed=closed),
            closed=closed,
            value=value,
            numerator=numerator,
            denominator=denominator,
            coverage=coverage,
            observed=observed,
            flagged=flagged,
            reason=reason,
            stations=stations,
            silent=sheet.silent[g],
            watermark=sheet.mark_times[g],
            computed_at=sheet.now,
            change_number=self.numbers.get(key[0], 0) + 1,
            facts=facts,
        )

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


_compared_items = itemgetter(
    "value",
    "numerator",
    "denominator",
    "coverage",
    "observed",
    "flagged",
    "reason",
    "rule_revision",
    "stations",
    "facts",
)
"""What makes one revision differ from another, as `Sheet.content` has it."""


def _state(reason: str, before: Known | None, *, closed: bool) -> str:
    if reason:
        return State.INSUFFICIENT
    if not closed:
        return State.PROVISIONAL
    return State.CORRECTED if before is not None and before.closed else State.FINAL
