"""A check of one city: asks the service until it is as sent, or until nothing moves any more."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from cityvitals.domain.names import Clock
from cityvitals.domain.times import US, iso
from simulator.check import compare
from simulator.check.client import Api, ApiAway
from simulator.check.expected import Quarter, quarters
from simulator.check.indicators import CHECKED, Expected, Window, indicators
from simulator.check.verdict import Verdict
from simulator.truth import SeriesName, Truth

_LOOK_EVERY_S: Final = (0.5, 5.0)
"""At first, and at most: a look reads all that is derived."""
_BEHIND_US: Final = 600 * US
"""How far behind its slowest gateway a city may be complete to."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the service may take.

    Attributes:
        still_s: the city is as it will be once nothing of it has moved for so long.
        most_s: the check ends then in any case.
    """

    still_s: float = 60.0
    most_s: float = 3600.0


class Check:
    """One city's truth against one service.

    Args:
        again: readings that were sent again after lost connections.
    """

    def __init__(self, api: Api, truth: Truth, again: int, patience: Patience) -> None:
        self._api, self._truth, self._again, self._patience = api, truth, again, patience
        self._quarters: dict[SeriesName, dict[int, Quarter]] = {}
        self._windows: dict[Window, Expected] = {}

    def verdict(self) -> Verdict:
        """What is different once the service is still; at once where all is as sent.

        Raises:
            ApiAway: the API cannot be asked.
        """
        self._quarters = {name: quarters(one) for name, one in self._truth.series.items()}
        self._windows = dict(indicators(self._truth, self._quarters))
        books = self._until_good(self._books)
        if not books.is_good:
            _log.info("the ledger is not as sent", city=self._truth.city)
        stored = self._stored(books)
        return self._until_good(lambda: self._derived(stored))

    def _until_good(self, look: Callable[[], Verdict]) -> Verdict:
        """What a look finds when it finds nothing, or when nothing has moved for long enough."""
        end = time.monotonic() + self._patience.most_s
        moved, (pause_s, longest_s) = time.monotonic(), _LOOK_EVERY_S
        pulse: Any = None
        while True:
            found = look()
            newest = (self._pulse(), found.checked, found.open, found.different)
            if newest != pulse:
                moved, pulse = time.monotonic(), newest
            now = time.monotonic()
            if self._is_done(found) or now > end or now - moved > self._patience.still_s:
                return found
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, longest_s)

    def _is_done(self, found: Verdict) -> bool:
        """Whether there is nothing to wait for: a replay ends, and then all of it closes."""
        waits = self._truth.clock is Clock.REPLAY and found.open["indicator"]
        return found.is_good and not waits

    def _pulse(self) -> Any:
        """What moves while the service works on the city."""
        city = self._api.get("cities", self._truth.city) or {}
        books = self._api.get("cities", self._truth.city, "ledger") or {"total": {}}
        return city.get("change_number"), city.get("complete_to"), books["total"]

    def _books(self) -> Verdict:
        out = Verdict(self._truth.city)
        answer = self._api.get("cities", self._truth.city, "ledger")
        if answer is None:
            answer = {"gateways": [], "closes": True}
        compare.ledger(self._truth, answer, self._again, out)
        return out

    def _stored(self, books: Verdict) -> Verdict:
        if self._truth.unsure:
            books.differ("ledger", self._truth.city, "readings about as far in the future as "
                         "is allowed", self._truth.unsure, 0)  # fmt: skip
        items = self._api.items("cities", self._truth.city, "readings")
        compare.readings(self._truth, items, books)
        return books

    def _derived(self, stored: Verdict) -> Verdict:
        out = Verdict(
            stored.city,
            stored.checked.copy(),
            stored.open.copy(),
            stored.different.copy(),
            list(stored.differences),
        )
        city = self._truth.city
        known = self._api.get("cities", city)
        complete = known["complete_to"] if known else None
        compare.rollups(
            self._truth, self._quarters, self._api.items("cities", city, "rollups"), out
        )
        complete_us = None if complete is None else compare.micros(complete)
        compare.indicators(self._windows, self._found(), complete_us, out)
        self._waits(complete_us, out)
        return out

    def _found(self) -> dict[Window, Any]:
        """The windows that the service has of the checked rules."""
        city = self._truth.city
        zones = {window.zone for window in self._windows}
        rules = {window.rule for window in self._windows}
        found = {}
        for rule in (one.rule for one in CHECKED if one.rule in rules):
            for zone in zones:
                query = {"zone": zone} if zone else {}
                for item in self._api.items("cities", city, "indicators", rule, "history", **query):
                    begin, end = (
                        compare.micros(item[f"window_{edge}"]) for edge in ("begin", "end")
                    )
                    found[Window(rule, zone, begin, end)] = item
        return found

    def _waits(self, complete_us: int | None, out: Verdict) -> None:
        """A city of which much is still waited for is not as sent, whatever was compared."""
        newest: dict[str, int] = {}
        for one in self._truth.series.values():
            if one.current:
                newest[one.gateway] = max([newest.get(one.gateway, 0), *one.current])
        wanted = min(newest.values(), default=0) - _BEHIND_US
        if complete_us is not None and complete_us < wanted:
            least = f"{iso(wanted)} or later"
            out.differ("indicator", out.city, "complete to", iso(complete_us), least)


__all__ = ["ApiAway", "Check", "Patience"]
