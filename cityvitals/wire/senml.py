"""Records of SenML (RFC 8428) to readings, and back; the notation is the formats' matter.

A record's resolved name (`bn` + `n`) is cut at every `/` and `:`. The last piece is the quantity,
or `quantity.channel`; the piece before it, if any, names the device. Times below 2**28 s count from
the message's arrival. A sum (`s`) has a unit of its own, so it is not taken; beside a value it is
left aside.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import US
from cityvitals.errors import MalformedPayload
from cityvitals.wire.instant import read_instant
from cityvitals.wire.pack import Pack, Reading
from cityvitals.wire.rows import MOST_READINGS, Rows, named, number, refuse, short_text, worded

VERSION: Final = 10
"""The newest there is; packs of drafts, down to 1, mean the same by what is read here."""
RELATIVE_S: Final = 2**28
"""Times below count from now (RFC 8428, 4.5.3)."""

_LATEST_S: Final = 2**40
"""Far beyond the year 9999: a bound before exact arithmetic, which is slow on huge numbers."""
_ZERO: Final = Decimal(0)
_CUT: Final = re.compile("[/:]")
_VALUES: Final = ("v", "vs", "vb", "vd", "s")
_BASE: Final = ("bn", "bt", "bu", "bv", "bs")
_OWN: Final = frozenset({*_VALUES, "n", "u", "t"})
_KNOWN: Final = frozenset({*_VALUES, *_BASE, "bver", "n", "u", "t", "ut"})


def claims(message: Any) -> bool:
    """Whether a message is an array in which a record has a name: no pack is without one."""
    return isinstance(message, list) and any(
        isinstance(record, dict) and ("n" in record or "bn" in record) for record in message
    )


def read(message: list[Any]) -> Pack:
    """The readings of a pack.

    Raises:
        MalformedPayload: the pack as a whole is of another version, or asks to be understood
            in a way that it is not.
    """
    if len(message) > MOST_READINGS:
        raise MalformedPayload(Reason.TOO_LARGE, f"more than {MOST_READINGS} records")
    rows, base = Rows(), dict[str, Any]()
    for record in message:
        if isinstance(record, dict):
            _check_whole(record)
            base |= {key: record[key] for key in _BASE if key in record}
            if _OWN.isdisjoint(record):
                continue  # base fields alone are no reading
        try:
            reading, relative = _resolve(record, base)
        except MalformedPayload as error:
            rows.reject(error)
        else:
            rows.add(reading, relative=relative)
    return rows.done()


def write(readings: Iterable[Reading]) -> list[dict[str, Any]]:
    """The records of readings.

    Raises:
        ValueError: a reading is from before July 1978, or has what SenML has no words for.
    """
    return [_record(reading) for reading in readings]


def _check_whole(record: dict[Any, Any]) -> None:
    """What concerns the pack, wherever it stands."""
    version = record.get("bver", VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= VERSION:
        raise MalformedPayload(Reason.UNSUPPORTED, f"field 'bver' is no version up to {VERSION}")
    for key in record.keys() - _KNOWN:
        if isinstance(key, str) and key.endswith("_"):
            raise MalformedPayload(
                Reason.UNSUPPORTED, f"field {key[:40]!a} must be understood, and is not"
            )


def _resolve(record: Any, base: dict[str, Any]) -> tuple[Reading, bool]:
    """The reading of one record, and whether its time counts from arrival."""
    if not isinstance(record, dict):
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, f"{type(record).__name__} is no record")
    quantity, channel, device = _names(record, base)
    unit = short_text(record.get("u", base.get("bu", "")), "field 'u'", Reason.BAD_UNIT)
    value = _value(record, base)
    t_us, relative = _time(record.get("t", 0), base.get("bt", 0))
    return Reading(t_us, quantity, value, unit, ch=channel, device=device), relative


def _names(record: dict[str, Any], base: dict[str, Any]) -> tuple[str, str, str]:
    """Quantity, channel and device."""
    name = short_text(record.get("n", ""), "field 'n'", Reason.UNKNOWN_QUANTITY)
    if "bn" in base:
        name = short_text(base["bn"], "field 'bn'", Reason.UNKNOWN_QUANTITY) + name
    return _cut(short_text(name, "the name", Reason.UNKNOWN_QUANTITY))


@lru_cache(maxsize=4096)
def _cut(name: str) -> tuple[str, str, str]:
    """Quantity, channel and device of a resolved name; kept, as devices repeat theirs."""
    *before, last = _CUT.split(name)
    if not last:
        raise MalformedPayload(Reason.UNKNOWN_QUANTITY, f"name {name[:40]!a} ends with no quantity")
    device = next((piece for piece in reversed(before) if piece), "")
    return *named(last, "the name"), device


def _value(record: dict[str, Any], base: dict[str, Any]) -> float:
    if "v" in record:
        value = number(record["v"], "field 'v'")
        if "bv" not in base:
            return value
        return number(value + number(base["bv"], "field 'bv'"), "sum of 'bv' and 'v'")
    if "s" in record:
        raise MalformedPayload(
            Reason.UNSUPPORTED,
            "field 's': a sum in a unit of its own; declare a counter, and send it as 'v'",
        )
    others = ", ".join(key for key in _VALUES if key in record)
    raise MalformedPayload(Reason.NO_NUMBER, f"no field 'v', but {others or 'nothing else'}")


def _time(offset: Any, base: Any) -> tuple[int, bool]:
    """Microseconds, and whether they count from arrival."""
    seconds = _exact(offset, "t")
    if base != 0:
        seconds += _exact(base, "bt")
    if seconds >= RELATIVE_S:
        us = int(seconds * US)
        read_instant(us // US)  # within the years that there are
        return us, False
    if seconds < -RELATIVE_S:
        raise MalformedPayload(Reason.NO_TIME, f"{seconds:.6g} s from now is no time")
    return int((seconds * US).to_integral_value("ROUND_FLOOR")), True


def _exact(given: Any, field: str) -> Decimal:
    """As a decimal, for a base and a short offset do not add up exactly in binary."""
    if given == 0 and not isinstance(given, bool):
        return _ZERO  # in every record without a time of its own
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise MalformedPayload(Reason.NO_TIME, f"field {field!r} holds {type(given).__name__}")
    if not abs(given) < _LATEST_S:
        raise MalformedPayload(Reason.NO_TIME, f"field {field!r} is out of all bounds")
    return Decimal(repr(given))


def _record(reading: Reading) -> dict[str, Any]:
    refuse(reading, "SenML")
    seconds, rest = divmod(reading.t_us, US)
    if seconds < RELATIVE_S or _CUT.search(reading.device + reading.q):
        msg = f"SenML has no words for a time before July 1978 or / and : in names: {reading}"
        raise ValueError(msg)
    words: dict[str, Any] = {
        "n": f"{reading.device}:{worded(reading)}" if reading.device else worded(reading)
    }
    if reading.u:
        words["u"] = reading.u
    return words | {"v": reading.v, "t": reading.t_us / US if rest else seconds}


SAMPLES: Final = (
    Reading(1_795_428_900_000_000, "no2", 23.4, "ug/m3", device="roof-3"),
    Reading(1_795_428_900_123_456, "air_temperature", 4.1, "Cel"),
    Reading(1_795_428_960_000_000, "no2", -1.5, ch="b", device="roof-3"),
)
