"""What gateways are told on their `reject` topic about what could not be taken. Pure.

A notice is a help, not a promise: dead letters keep everything. So notices over the rate are only
counted, and the next one says how many there were.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from cityvitals.domain.times import US, iso
from cityvitals.errors import BadTopic
from cityvitals.store.batch import Rejection
from cityvitals.wire import topic as topics

BURST: Final = 10
"""Notices that a gateway may get at once."""
PER_SECOND: Final = 1.0
_MOST_LISTED: Final = 20
_MOST_GATEWAYS: Final = 10_000


class Notice(NamedTuple):
    """A message for a gateway."""

    topic: str
    payload: bytes


@dataclass(slots=True)
class _Account:
    """What a gateway may still be told."""

    at_us: int
    left: float = BURST
    suppressed: int = 0

    def take(self, now_us: int) -> bool:
        """Use up one notice, if there is one."""
        self.left = min(BURST, self.left + max(0, now_us - self.at_us) / US * PER_SECOND)
        self.at_us = now_us
        if self.left < 1:
            self.suppressed += 1
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class Notices:
    """Words notices, gateway by gateway.

    Bounded: one small account for each gateway that had something rejected, all forgotten past
    10,000 of them.
    """

    _accounts: dict[topics.Reject, _Account] = field(default_factory=dict)

    def of(self, rejected: Iterable[Rejection], now_us: int) -> Iterator[Notice]:
        """The notices for what was rejected, at most one for a message.

        Args:
            rejected: rejections that are committed.
            now_us: microseconds since 1970 UTC.
        """
        messages: dict[tuple[str, int, bytes], list[Rejection]] = {}
        for one in rejected:
            messages.setdefault((one.topic, one.at_us, one.payload), []).append(one)
        for (topic, _, _), ones in messages.items():
            to = _addressee(topic)
            if to is not None:
                account = self._account(to, now_us)
                if account.take(now_us):
                    yield Notice(topics.format(to), _worded(ones, account.suppressed))
                    account.suppressed = 0

    def _account(self, to: topics.Reject, now_us: int) -> _Account:
        if to not in self._accounts:
            if len(self._accounts) >= _MOST_GATEWAYS:
                self._accounts.clear()
            self._accounts[to] = _Account(now_us)
        return self._accounts[to]


def _addressee(topic: str) -> topics.Reject | None:
    """The gateway that published on a topic; None where the topic names none."""
    try:
        parsed = topics.parse(topic)
    except BadTopic:
        return None
    if isinstance(parsed, topics.CityMeta | topics.Kpi | topics.Alert):
        return None
    return topics.Reject(parsed.city, parsed.domain, parsed.gateway)


def _worded(rejected: list[Rejection], suppressed: int) -> bytes:
    listed = sorted(rejected, key=lambda one: one.index)[:_MOST_LISTED]
    words: dict[str, Any] = {
        "topic": rejected[0].topic,
        "received_at": iso(rejected[0].at_us),
        "rejected": [
            {"index": one.index, "reason": one.reason, "detail": one.detail} for one in listed
        ],
        "more": len(rejected) - len(listed),
        "suppressed": suppressed,
    }
    return msgspec.json.encode(words)
