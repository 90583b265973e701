"""Judging alerts in the transaction that commits the indicators they are of."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from aggregator.alerting.clerk import Clerk
from aggregator.alerting.course import Episode
from aggregator.alerting.review import EVERYTHING, Known, Review, Span, lookback
from aggregator.alerting.windows import judged
from aggregator.saying import Saying
from cityvitals.domain.times import EARLIEST_US
from cityvitals.domain.window import longest_us
from cityvitals.store import alerts as store
from cityvitals.store.alerts import FinalWindow, Place
from cityvitals.store.pool import Connection
from kpi_rules.alerts.model import AlertRule
from kpi_rules.model import Rule

_PAGE: Final = 100
"""Windows that are read at first of each place: most reviews need a handful."""
_PAGES: Final = 5_000
"""And then, of one that needs more."""


class History(NamedTuple):
    """A city's history that is to be judged by an alert rule.

    Attributes:
        rule: None where it is in force no more.
        zone: where; None for what comes last: that it is done.
    """

    city: str
    alert: str
    rule: AlertRule | None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """One place under review."""

    place: Place
    rule: AlertRule
    review: Review
    time_zone: str

    @property
    def indicator(self) -> tuple[str, str, str]:
        return self.place[0], self.rule.rule, self.place[2]


class Watch:
    """The alert rules in force, over the indicators of one shard.

    Holds nothing that a crash could lose: what is judged, and by what, stands in the database.

    Args:
        alerts: the alert rules in force.
        rules: the rules in force, which say where windows lie.
    """

    def __init__(self, alerts: Sequence[AlertRule], rules: Iterable[Rule]) -> None:
        self._windows = {rule.id: rule.window for rule in rules}
        self._alerts = {one.id: one for one in alerts if one.rule in self._windows}
        self._of: dict[str, list[AlertRule]] = defaultdict(list)
        for one in self._alerts.values():
            self._of[one.rule].append(one)

    def touched(self, said: Iterable[Saying]) -> dict[Place, Span]:
        """Where final windows changed that somebody watches."""
        found: dict[Place, Span] = {}
        for one in said:
            city = one.plan.city.id
            for alert in self._of.get(one.plan.rule.id, ()):
                for at in np.flatnonzero(one.closed).tolist():
                    zone, begin = one.plan.groups[one.g[at]], int(one.found.begins[one.w[at]])
                    if alert.watches(city, zone):
                        place = city, alert.id, zone
                        found[place] = found.get(place, Span(begin, begin)).with_(begin)
        return found

    async def follow(
        self, clerk: Clerk, said: Iterable[Saying], time_zones: Mapping[str, str]
    ) -> None:
        """Judge what a transaction changes.

        Args:
            clerk: writes in the transaction.
            said: what the transaction has written; final windows are revisions.
            time_zones: of the cities.

        Raises:
            StoreUnavailable: the server is away.
        """
        changed = self.touched(said)
        if changed:
            await self._judge(changed, time_zones, clerk)

    async def overdue(
        self, connection: Connection, shard: int, cities: Iterable[str]
    ) -> list[History]:
        """What of a shard's history is judged by none, or by other alert rules than are in force.

        Raises:
            StoreUnavailable: the server is away.
        """
        done = await store.read_judged(connection, shard)
        found = [
            History(city, alert.id, alert)
            for city in cities
            for alert in self._alerts.values()
            if done.pop((city, alert.id), None) != alert.revision
        ]
        return found + [History(city, alert, None) for city, alert in done]

    async def steps(self, connection: Connection, one: History) -> list[History]:
        """What there is to do of it, place by place: a transaction each.

        Raises:
            StoreUnavailable: the server is away.
        """
        zones = set(await store.read_active_zones(connection, one.city, one.alert))
        if one.rule is not None:
            said = await store.read_zones_of(connection, one.city, one.rule.rule)
            zones.update(zone for zone in said if one.rule.watches(one.city, zone))
        return [*(one._replace(zone=zone) for zone in sorted(zones)), one]

    async def catch_up(self, clerk: Clerk, one: History, time_zones: Mapping[str, str]) -> None:
        """Do a step, in a transaction.

        Raises:
            StoreUnavailable: the server is away.
        """
        if one.zone is None:
            revision = None if one.rule is None else one.rule.revision
            await store.mark_judged(clerk.connection, one.city, one.alert, revision)
        elif one.rule is not None and one.rule.watches(one.city, one.zone):
            await self._judge({(one.city, one.alert, one.zone): EVERYTHING}, time_zones, clerk)
        else:
            await self._take_back((one.city, one.alert, one.zone), clerk)

    async def _take_back(self, place: Place, clerk: Clerk) -> None:
        """Nobody watches there any more: what lasts would last for ever."""
        known = await store.lock_known(clerk.connection, [(place, EARLIEST_US)])
        for one in known.get(place, ()):
            if one.until is None:
                await clerk.withdraw(one.id, place[0])

    async def _judge(
        self, changed: Mapping[Place, Span], time_zones: Mapping[str, str], clerk: Clerk
    ) -> None:
        cases = await self._open(clerk.connection, changed, time_zones)
        begins = [(*one.indicator, one.review.begin) for one in cases]
        pages = await store.read_final_windows(clerk.connection, begins, _PAGE)
        for case, page in zip(cases, pages, strict=True):
            await self._finish(clerk.connection, case, page)
            for verdict in case.review.verdicts():
                await clerk.write(case.place, case.rule, verdict)

    async def _open(
        self,
        connection: Connection,
        changed: Mapping[Place, Span],
        time_zones: Mapping[str, str],
    ) -> list[_Case]:
        """A review of each place, in one order for all."""
        rules = {place: self._alerts[place[1]] for place in sorted(changed)}
        longest = {place: self._longest(rule) for place, rule in rules.items()}
        asked = [
            (place, lookback(rule, changed[place], longest[place])) for place, rule in rules.items()
        ]
        stored = await store.lock_known(connection, asked)
        cases = []
        for place, rule in rules.items():
            known = [Known(one.id, Episode(*one[1:])) for one in stored.get(place, ())]
            review = Review(rule, known, changed[place], longest[place])
            cases.append(_Case(place, rule, review, time_zones[place[0]]))
        return cases

    async def _finish(
        self, connection: Connection, case: _Case, page: Sequence[FinalWindow]
    ) -> None:
        """Give a review its windows, page by page, until it needs no more or there are none."""
        limit, last = _PAGE, None
        window = self._windows[case.rule.rule]
        while not case.review.feed(judged(page, window, case.time_zone, last)):
            if len(page) < limit:
                return
            limit, last = _PAGES, page[-1]
            begin = (*case.indicator, last.begin + 1)
            (page,) = await store.read_final_windows(connection, [begin], limit)

    def _longest(self, rule: AlertRule) -> int:
        return longest_us(str(self._windows[rule.rule].length))
