"""Which events a live client wants: by rule, zone, domain and kind. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final, Self

from api.event import Event, encode_event
from api.latest import Snapshot
from api.listing import encode_list

KINDS: Final = ("value", "correction", "alert", "status")


@dataclass(frozen=True, slots=True)
class Interest:
    """What of a city's stream a client is told; None for everything.

    Events that are of no indicator, such as the database's, are told to everybody.

    Attributes:
        rules: ids, with * and ?.
        zones: ids; '' is the city itself.
        domains: by name.
        kinds: of `KINDS`; a snapshot is told always.
    """

    rules: tuple[str, ...] | None = None
    zones: frozenset[str] | None = None
    domains: frozenset[str] | None = None
    kinds: frozenset[str] | None = None

    @classmethod
    def of(cls, wanted: Mapping[str, Any]) -> Self:
        """What parsed query parameters say."""
        zones, domains = wanted.get("zone"), wanted.get("domain")
        kinds = wanted.get("event")
        return cls(
            wanted.get("rule"),
            None if zones is None else frozenset(zones),
            None if domains is None else frozenset(domains),
            None if kinds is None else frozenset(kinds),
        )

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Interest()

    def wants(self, event: Event) -> bool:
        """Whether an event is told."""
        if event.window is None and event.place is None:
            return True
        if self.kinds is not None and event.kind not in self.kinds:
            return False
        if event.place is not None:
            return self._is_of(*event.place)
        return event.window is None or self._fits(
            event.window.rule, event.window.zone or "", event.domain
        )

    def snapshot(self, snapshot: Snapshot) -> Event:
        """What is wanted of a city's latest indicators, numbered as of when they were read."""
        body = snapshot.body
        if not self.is_everything:
            items = snapshot.items
            fitting = (one.body for one in items if self._fits(one.rule, one.zone, one.domain))
            body = encode_list(fitting, head=snapshot.head)
        alerts = b",".join(one.body for one in snapshot.alerts if self._is_of(one.rule, one.zone))
        body = b'{"alerts":[' + alerts + b"]," + body[1:]
        wire = encode_event("snapshot", body, snapshot.number)
        return Event(snapshot.number, "snapshot", wire)

    def _fits(self, rule: str, zone: str, domain: str) -> bool:
        return (self.domains is None or domain in self.domains) and self._is_of(rule, zone)

    def _is_of(self, rule: str, zone: str) -> bool:
        return (self.zones is None or zone in self.zones) and (
            self.rules is None or _matches(rule, self.rules)
        )


@lru_cache(maxsize=65_536)
def _matches(rule: str, patterns: tuple[str, ...]) -> bool:
    """Whether a rule fits any pattern; there are few rules, and thousands of events of each."""
    return any(fnmatchcase(rule, each) for each in patterns)


EVERYTHING: Final = Interest()
