"""The own JSON payload: a reading, an array of them, or `{"readings": [...]}`; both ways, pure.

`decode` first takes the whole pack at once, typed. Only a pack that does not fit is looked at
reading by reading, so that one bad reading rejects only itself.
"""

import json
import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Final

import msgspec

from cityvitals.domain.names import is_identifier
from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import iso
from cityvitals.errors import MalformedPayload
from cityvitals.wire.instant import read_instant, read_instants
from cityvitals.wire.pack import BadReading, Pack, Reading

_INT8_MAX: Final = 2**63 - 1
_Count = Annotated[int, msgspec.Meta(ge=0, le=_INT8_MAX)]


class Row(msgspec.Struct, gc=False):
    """A reading as the typed decoder finds it; its time is still to be read."""

    t: str | int | float
    q: str
    v: float
    u: str = ""
    rev: _Count = 0
    seq: _Count | None = None
    ch: str = ""


class _Object(msgspec.Struct, gc=False):
    """Either of the two objects that a message can be, told apart by `readings`."""

    t: str | int | float | None = None
    q: str = ""
    v: float | None = None
    u: str = ""
    rev: _Count = 0
    seq: _Count | None = None
    ch: str = ""
    readings: list[Row] | None = None


_DECODER: Final = msgspec.json.Decoder(list[Row] | _Object)


def decode(payload: bytes) -> Pack:
    """The readings of a message.

    Raises:
        MalformedPayload: the whole message cannot be decoded.
    """
    rows = typed(payload)
    if rows is not None:
        with suppress(MalformedPayload):
            return _columns(rows)
    return _one_by_one(_readings_of(_parse(payload)))


def typed(payload: bytes) -> list[Row] | None:
    """The readings of a message as they stand there, where all have the right types; else None.

    For whoever reads many messages at once; channels and times are not looked at yet.
    """
    try:
        return _typed(_DECODER.decode(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MalformedPayload):
        return None


def encode(readings: Iterable[Reading]) -> bytes:
    """The message that holds readings; `decode` gives them back."""
    return msgspec.json.encode([_worded(reading) for reading in readings])


def _typed(message: list[Row] | _Object) -> list[Row]:
    """The readings of a typed message; raises where it needs a closer look."""
    if isinstance(message, list):
        return message
    if message.readings is not None:
        return message.readings
    if message.t is None or not message.q or message.v is None:
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, "no t, q or v")
    one = message
    return [Row(message.t, one.q, message.v, one.u, one.rev, one.seq, one.ch)]


def _columns(readings: list[Row]) -> Pack:
    """The parallel lists of typed readings; raises where any of them needs a closer look."""
    channels = [r.ch for r in readings]
    if any(channels):
        for channel in set(channels):
            _channel(channel)
    return Pack(
        instants([r.t for r in readings]),
        [r.q for r in readings],
        [r.v for r in readings],  # finite: JSON has no other numbers, and msgspec no larger ones
        [r.u for r in readings],
        [r.rev for r in readings],
        [r.seq for r in readings],
        channels,
        list(range(len(readings))),
    )


def instants(given: list[str | int | float]) -> list[int]:
    """Microseconds since 1970 UTC of each time.

    Raises:
        MalformedPayload: one of them is none.
    """
    try:
        found = read_instants(given)  # type: ignore[arg-type]
    except TypeError:  # epoch seconds among them
        found = None
    return [read_instant(one) for one in given] if found is None else found


def _parse(payload: bytes) -> Any:
    """Any JSON, and the NaN and Infinity that some encoders write as numbers."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MalformedPayload(Reason.UNDECODABLE, f"not JSON: {str(error)[:200]}") from None


def _readings_of(message: Any) -> list[Any]:
    if isinstance(message, dict):
        message = message.get("readings", [message])
    if not isinstance(message, list):
        raise MalformedPayload(
            Reason.UNKNOWN_SCHEMA, "expected a reading, an array of readings or {'readings': [...]}"
        )
    return message


def _one_by_one(given: list[Any]) -> Pack:
    pack = Pack()
    for index, entry in enumerate(given):
        try:
            reading = _checked(entry)
        except MalformedPayload as error:
            pack.bad.append(BadReading(index, Reason(error.reason), error.detail))
        else:
            _append(pack, index, reading)
    return pack


def _append(pack: Pack, index: int, reading: Reading) -> None:
    pack.t_us.append(reading.t_us)
    pack.q.append(reading.q)
    pack.v.append(reading.v)
    pack.u.append(reading.u)
    pack.rev.append(reading.rev)
    pack.seq.append(reading.seq)
    pack.ch.append(reading.ch)
    pack.index.append(index)


def _checked(entry: Any) -> Reading:
    """One reading, each of its parts looked at."""
    if not isinstance(entry, dict):
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, f"{type(entry).__name__} is no reading")
    if "t" not in entry:
        raise MalformedPayload(Reason.NO_TIME, "no key 't'")
    if not isinstance(entry.get("q"), str):
        raise MalformedPayload(Reason.UNKNOWN_QUANTITY, "key 'q' must be text")
    if not isinstance(entry.get("u", ""), str):
        raise MalformedPayload(Reason.BAD_UNIT, "key 'u' must be text")
    rev, seq = _count(entry, "rev"), _count(entry, "seq")
    return Reading(
        read_instant(entry["t"]),
        entry["q"],
        _number(entry.get("v")),
        entry.get("u", ""),
        rev or 0,
        seq,
        _channel(entry.get("ch", "")),
    )


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise MalformedPayload(Reason.NO_NUMBER, f"key 'v' holds {type(given).__name__}")
    try:
        value = float(given)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise MalformedPayload(Reason.NO_NUMBER, f"key 'v' is {value}")
    return value


def _count(entry: dict[str, Any], key: str) -> int | None:
    given = entry.get(key)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _INT8_MAX:
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, f"key {key!r} must be a whole number >= 0")
    return given


def _channel(given: Any) -> str:
    if given == "":
        return ""  # nearly always, so before the costlier look
    if not (isinstance(given, str) and given.isascii() and is_identifier(given)):
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, "key 'ch' must be letters, digits, . _ -")
    return given


def _worded(reading: Reading) -> dict[str, Any]:
    words: dict[str, Any] = {"t": iso(reading.t_us), "q": reading.q, "v": reading.v}
    if reading.u:
        words["u"] = reading.u
    if reading.rev:
        words["rev"] = reading.rev
    if reading.seq is not None:
        words["seq"] = reading.seq
    if reading.ch:
        words["ch"] = reading.ch
    return words
