"""The names things may have, and the closed sets they come from."""

import re
from enum import IntEnum, StrEnum
from typing import Final
from zlib import crc32

SHARDS: Final = 64
"""Units of ownership; fixed, because every stored log entry carries its shard."""

IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
"""City, zone, gateway and device ids: what MQTT, SQL, URLs and file names all take as is."""


class Domain(StrEnum):
    """What a sensor watches. `kpi` is not one: in that topic slot derived values go out."""

    AIR = "air"
    ENERGY = "energy"
    WATER = "water"
    TRAFFIC = "traffic"
    NOISE = "noise"
    WEATHER = "weather"


class Kind(IntEnum):
    """What a reading's number means over time; `docs/payloads.md` says it of each."""

    GAUGE = 0
    INTERVAL_MEAN = 1
    INTERVAL_TOTAL = 2
    COUNTER = 3
    EVENT = 4
    STATE = 5


INTERVALS: Final = frozenset({Kind.INTERVAL_MEAN, Kind.INTERVAL_TOTAL})
"""Kinds whose numbers belong to a stretch of time of their own."""


class Stamp(IntEnum):
    """Which end of its interval a reading's `observed_at` names."""

    BEGIN = 0
    END = 1


class Clock(StrEnum):
    """How a city's time runs: with the wall, or with recorded data that is replayed."""

    LIVE = "live"
    REPLAY = "replay"


class LogKind(IntEnum):
    """What a commit-log entry tells: everything that a derived value depends on."""

    READINGS = 1
    REVISIONS = 2
    DECLARATIONS = 3
    PLACEMENTS = 4
    FACTS = 5
    LIMITS = 6
    RULES = 7
    SILENCE = 8
    ALERTS = 9


class State(StrEnum):
    """How far an indicator value can be relied on."""

    PROVISIONAL = "provisional"
    FINAL = "final"
    CORRECTED = "corrected"
    INSUFFICIENT = "insufficient"


class Flag(IntEnum):
    """Bits on a reading, set at ingest; the reading itself is never altered for them."""

    UNIT_CHANGED = 1
    SERVER_TIMED = 2
    OUT_OF_RANGE = 4
    FAULT_CODE = 8
    CLOCK_SKEW = 16


EXCLUDING_FLAGS: Final = int(Flag.OUT_OF_RANGE | Flag.FAULT_CODE)
"""Readings with one of these are counted as flagged, and left out of every statistic."""


def is_identifier(text: str) -> bool:
    """Whether `text` can be the id of a city, zone, gateway or device."""
    return IDENTIFIER.match(text) is not None


def shard_of(city: str) -> int:
    """The shard that a city's log entries and indicators belong to."""
    return crc32(city.encode()) % SHARDS
