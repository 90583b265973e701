"""The live stream: a snapshot, then changes."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.asking import take_query
from api.event_stream import EventStream
from api.interest import KINDS, Interest
from api.live import Live
from api.metrics import ApiMetrics
from api.parameters import (
    Parameter,
    parse_domain,
    parse_identifier,
    parse_zone,
    several,
    whole_number,
)

_NUMBER: Final = whole_number(0, 2**62)
_PATTERN: Final = re.compile(r"[A-Za-z0-9._*?-]{1,64}\Z")


def _parse_pattern(text: str) -> str:
    if not _PATTERN.match(text):
        raise ValueError(f"expected a rule's id, perhaps with * and ?, got {text!r}")
    return text


def _parse_kind(text: str) -> str:
    if text not in KINDS:
        raise ValueError(f"expected one of {', '.join(KINDS)}, got {text!r}")
    return text


STREAM_PARAMETERS: Final = (
    Parameter(
        "city", parse_identifier, "The id of the city to watch.", required=True, example="beijing"
    ),
    Parameter(
        "last_event_id",
        _NUMBER,
        "Changes after this number, as the header Last-Event-ID; a snapshot where they are gone.",
        {"type": "integer", "minimum": 0},
    ),
    Parameter(
        "rule",
        several(_parse_pattern),
        "Only these rules, with commas between, and * and ? for what may be anything.",
        example="air.*,noise.lden.day",
    ),
    Parameter(
        "zone", several(parse_zone), "Only these zones, with commas; empty is the city itself."
    ),
    Parameter("domain", several(parse_domain), "Only these domains, with commas."),
    Parameter("event", several(_parse_kind), f"Only these kinds of {', '.join(KINDS)}."),
)


class StreamRoute:
    """Handler of the stream's route."""

    def __init__(self, live: Live, metrics: ApiMetrics) -> None:
        self._live = live
        self._metrics = metrics

    async def stream(self, request: Request) -> Response:
        """All latest indicators of a city, then every change as it comes."""
        wanted = take_query(request, STREAM_PARAMETERS)
        # The header first: a browser that comes back sends it, and its URL is as old as the page.
        seen = _last_event_id(request)
        seen = wanted.get("last_event_id") if seen is None else seen
        subscription = await self._live.join(wanted["city"], seen, Interest.of(wanted))
        return EventStream(self._live, subscription, self._metrics)


def _last_event_id(request: Request) -> int | None:
    """What the browser says it saw last; anything not ours counts as nothing seen.

    It cannot be refused: an EventSource never comes back after an error status.
    """
    try:
        return _NUMBER(request.headers.get("last-event-id", ""))
    except ValueError:
        return None
