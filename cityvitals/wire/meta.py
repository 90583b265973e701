"""What devices, gateways and cities declare about themselves, as JSON; both ways, pure."""

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from cityvitals.domain.names import Clock, Kind, Stamp, is_identifier
from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import iso
from cityvitals.errors import MalformedPayload
from cityvitals.wire.instant import read_instant

_KINDS: Final = {kind.name.lower(): kind for kind in Kind}
_STAMPS: Final = {stamp.name.lower(): stamp for stamp in Stamp}
_TEXT: Final = 200
_LONGEST_S: Final = 400 * 86_400.0
"""No interval is longer than a year and a month."""


class GatewayStatus(StrEnum):
    """What a gateway's status topic says."""

    ONLINE = "online"
    OFFLINE = "offline"
    END = "end"


@dataclass(frozen=True, slots=True)
class SeriesMeta:
    """What a device declares of one series; None is left to the quantity's default.

    Attributes:
        q: quantity.
        ch: channel, or "".
        kind: what a reading's number means over time.
        period_s: length of an interval, seconds.
        stamp: which end of the interval the time names.
        reporting_s: what is no interval reports every so many seconds.
        unit: unit token of the readings; "" is the canonical one.
        reference_state: what a gas concentration refers to, or "".
        modulus: where a counter begins anew at 0, in `unit`.
    """

    q: str
    ch: str = ""
    kind: Kind = Kind.GAUGE
    period_s: float | None = None
    stamp: Stamp | None = None
    reporting_s: float | None = None
    unit: str = ""
    reference_state: str = ""
    modulus: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceMeta:
    """What a device declares; since_us None: the first from ever, a later one from its arrival."""

    since_us: int | None = None
    zone: str | None = None
    lat: float | None = None
    lon: float | None = None
    series: tuple[SeriesMeta, ...] = ()


@dataclass(frozen=True, slots=True)
class CityMeta:
    """What a city says of itself."""

    name: str
    time_zone: str = "UTC"
    clock: Clock = Clock.LIVE


def decode_meta(payload: bytes) -> DeviceMeta:
    """What a device declares.

    Raises:
        MalformedPayload: naming the key and what was expected of it.
    """
    given = _object(payload)
    series = given.get("series", [])
    if not isinstance(series, list):
        raise _wrong("series", "an array of declarations")
    declared = tuple(_series(index, entry) for index, entry in enumerate(series))
    keys = [(one.q, one.ch) for one in declared]
    if len(set(keys)) < len(keys):
        raise _wrong("series", "each (q, ch) once")
    since = given.get("since")
    return DeviceMeta(
        None if since is None else read_instant(since),
        _zone(given.get("zone")),
        _degrees(given, "lat", 90),
        _degrees(given, "lon", 180),
        declared,
    )


def encode_meta(meta: DeviceMeta) -> bytes:
    """The message that declares a device; `decode_meta` gives it back."""
    words: dict[str, Any] = {
        "since": None if meta.since_us is None else iso(meta.since_us),
        "zone": meta.zone,
        "lat": meta.lat,
        "lon": meta.lon,
    }
    said = {key: word for key, word in words.items() if word is not None}
    return msgspec.json.encode({**said, "series": [_series_words(one) for one in meta.series]})


def decode_city(payload: bytes) -> CityMeta:
    """What a city says of itself.

    Raises:
        MalformedPayload: naming the key and what was expected of it.
    """
    given = _object(payload)
    name, zone = _text(given, "name"), _text(given, "tz", "UTC")
    if not name:
        raise _wrong("name", "text")
    if not is_time_zone(zone):
        raise _wrong("tz", f"an IANA time zone such as Europe/Helsinki, not {zone!a}")
    clock = _text(given, "clock", Clock.LIVE)
    if clock not in tuple(Clock):
        raise _wrong("clock", "'live' or 'replay'")
    return CityMeta(name, zone, Clock(clock))


def encode_city(city: CityMeta) -> bytes:
    """The message that declares a city; `decode_city` gives it back."""
    return msgspec.json.encode({"name": city.name, "tz": city.time_zone, "clock": city.clock})


def decode_status(payload: bytes) -> GatewayStatus:
    """Whether a gateway is there.

    Raises:
        MalformedPayload: naming the key and what was expected of it.
    """
    status = _text(_object(payload), "status")
    if status not in tuple(GatewayStatus):
        raise _wrong("status", "'online', 'offline' or 'end'")
    return GatewayStatus(status)


def encode_status(status: GatewayStatus | str) -> bytes:
    """The message that tells a gateway's status; `decode_status` gives it back."""
    return msgspec.json.encode({"status": GatewayStatus(status)})


@lru_cache(1024)
def is_time_zone(name: str) -> bool:
    """Whether the time-zone database knows a name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a zone's name at all, or a folder's name
        return False
    return True


def _series(index: int, entry: Any) -> SeriesMeta:
    if not isinstance(entry, dict):
        raise _wrong(f"series[{index}]", "an object")
    quantity, channel = _text(entry, "q"), _text(entry, "ch")
    if not (quantity.isascii() and is_identifier(quantity)):
        raise _wrong(f"series[{index}].q", "a quantity")
    if channel and not (channel.isascii() and is_identifier(channel)):
        raise _wrong(f"series[{index}].ch", "letters, digits, . _ -")
    stamp = entry.get("stamp")
    if stamp is not None and stamp not in tuple(_STAMPS):
        raise _wrong(f"series[{index}].stamp", "'begin' or 'end'")
    return SeriesMeta(
        quantity,
        channel,
        _kind(f"series[{index}].kind", entry.get("kind")),
        _seconds(entry, "period_s"),
        None if stamp is None else _STAMPS[stamp],
        _seconds(entry, "reporting_s"),
        _text(entry, "unit"),
        _text(entry, "reference_state"),
        _modulus(f"series[{index}].modulus", entry.get("modulus")),
    )


def _kind(key: str, given: Any) -> Kind:
    if not isinstance(given, str) or given not in _KINDS:
        raise _wrong(key, f"one of {', '.join(_KINDS)}")
    return _KINDS[given]


def _modulus(key: str, given: Any) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < math.inf:
        raise _wrong(key, "a number above 0: where the counter begins anew")
    return float(given)


def _series_words(one: SeriesMeta) -> dict[str, Any]:
    words: dict[str, Any] = {
        "q": one.q,
        "ch": one.ch or None,
        "kind": one.kind.name.lower(),
        "period_s": one.period_s,
        "stamp": None if one.stamp is None else one.stamp.name.lower(),
        "reporting_s": one.reporting_s,
        "unit": one.unit or None,
        "reference_state": one.reference_state or None,
        "modulus": one.modulus,
    }
    return {key: word for key, word in words.items() if word is not None}


def _object(payload: bytes) -> dict[str, Any]:
    try:
        given = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MalformedPayload(Reason.UNDECODABLE, f"not JSON: {str(error)[:_TEXT]}") from None
    if not isinstance(given, dict):
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, "expected an object")
    return given


def _text(given: dict[str, Any], key: str, default: str = "") -> str:
    text = given.get(key)
    if text is None:
        return default
    if not isinstance(text, str) or len(text) > _TEXT or not text.isprintable():
        raise _wrong(key, f"printable text of at most {_TEXT} characters")
    return text


def _zone(given: Any) -> str | None:
    if given is None:
        return None
    if not (isinstance(given, str) and given.isascii() and is_identifier(given)):
        raise _wrong("zone", "an id: letters, digits, . _ -")
    return given


def _degrees(given: dict[str, Any], key: str, limit: float) -> float | None:
    number = given.get(key)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= limit:
        raise _wrong(key, f"degrees from -{limit} to {limit}")
    return float(number)


def _seconds(given: dict[str, Any], key: str) -> float | None:
    number = given.get(key)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise _wrong(key, "seconds")
    if not 0 <= number <= _LONGEST_S:
        raise _wrong(key, f"seconds from 0 to {_LONGEST_S:.0f}")
    return float(number)


def _wrong(key: str, expected: str) -> MalformedPayload:
    return MalformedPayload(Reason.UNKNOWN_SCHEMA, f"key {key!r}: expected {expected}")
