"""The own JSON payload: a reading, an array of them, or `{"readings": [...]}`; both ways, pure.

`decode` first takes the whole pack at once, typed. Only a pack that does not fit is looked at
reading by reading, so that one bad reading rejects only itself. A reading without `t` is one, too:
its time is that of the message's arrival, if its gateway may send such.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Final

import msgspec

from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import iso
from cityvitals.errors import MalformedPayload
from cityvitals.wire import json_text
from cityvitals.wire.format import Format
from cityvitals.wire.instant import read_instant, read_instants
from cityvitals.wire.pack import Pack, Reading
from cityvitals.wire.rows import LONGEST_TEXT, MOST_READINGS, Rows, channel, number, short_text

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


def decode_typed(payload: bytes) -> Pack | None:
    """The readings of a message that fits as it stands; None where it needs a closer look."""
    rows = typed(payload)
    if rows is not None:
        with suppress(MalformedPayload):
            return _columns(rows)
    return None


def typed(payload: bytes) -> list[Row] | None:
    """The readings of a message as they stand there, where all have the right types; else None.

    For whoever reads many messages at once; channels and times are not looked at yet.
    """
    try:
        rows = _typed(_DECODER.decode(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MalformedPayload):
        return None
    return rows if len(rows) <= MOST_READINGS else None


def decode(payload: bytes) -> Pack:
    """The readings of a message.

    Raises:
        MalformedPayload: the whole message cannot be decoded.
    """
    pack = decode_typed(payload)
    return read(json_text.parse(payload)) if pack is None else pack


def claims(message: Any) -> bool:
    """Whether any part of a message words a reading as this format does."""
    if isinstance(message, dict) and "q" not in message:
        message = message.get("readings")
    entries = message if isinstance(message, list) else [message]
    return any(isinstance(entry, dict) and "q" in entry for entry in entries)


def read(message: Any) -> Pack:
    """The readings of parsed JSON, each of them looked at.

    Raises:
        MalformedPayload: it is no message of this format.
    """
    rows = Rows()
    for entry in _readings_of(message):
        try:
            reading = _checked(entry)
        except MalformedPayload as error:
            rows.reject(error, _number_of(entry))
        else:
            rows.add(reading, relative="t" not in entry)
    return rows.done()


def encode(readings: Iterable[Reading]) -> bytes:
    """The message that holds readings; `decode` gives them back."""
    return msgspec.json.encode([_worded(reading) for reading in readings])


def _number_of(entry: Any) -> int:
    """The running number of a reading that cannot be taken; -1 where it has none."""
    try:
        found = _count(entry, "seq") if isinstance(entry, dict) else None
    except MalformedPayload:
        return -1
    return -1 if found is None else found


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
    if len(readings) > MOST_READINGS:
        raise MalformedPayload(Reason.TOO_LARGE, f"more than {MOST_READINGS} readings")
    quantities, units = [r.q for r in readings], [r.u for r in readings]
    names = {*quantities, *units}  # few, and so nearly always short even together
    if len("".join(names)) > LONGEST_TEXT and max(map(len, names)) > LONGEST_TEXT:
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, f"text of over {LONGEST_TEXT} characters")
    channels = [r.ch for r in readings]
    if any(channels):
        for one in set(channels):
            channel(one, "key 'ch'")
    return Pack(
        instants([r.t for r in readings]),
        quantities,
        [r.v for r in readings],  # finite: JSON has no other numbers, and msgspec no larger ones
        units,
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


def _readings_of(message: Any) -> list[Any]:
    if isinstance(message, dict):
        message = message.get("readings", [message])
    if not isinstance(message, list):
        raise MalformedPayload(
            Reason.UNKNOWN_SCHEMA, "expected a reading, an array of readings or {'readings': [...]}"
        )
    return message


def _checked(entry: Any) -> Reading:
    """One reading, each of its parts looked at."""
    if not isinstance(entry, dict):
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, f"{type(entry).__name__} is no reading")
    quantity = short_text(entry.get("q"), "key 'q'", Reason.UNKNOWN_QUANTITY)
    unit = short_text(entry.get("u", ""), "key 'u'", Reason.BAD_UNIT)
    rev, seq = _count(entry, "rev"), _count(entry, "seq")
    return Reading(
        read_instant(entry["t"]) if "t" in entry else 0,
        quantity,
        number(entry.get("v"), "key 'v'"),
        unit,
        rev or 0,
        seq,
        channel(entry.get("ch", ""), "key 'ch'"),
    )


def _count(entry: dict[str, Any], key: str) -> int | None:
    given = entry.get(key)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _INT8_MAX:
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, f"key {key!r} must be a whole number >= 0")
    return given


def _worded(reading: Reading) -> dict[str, Any]:
    # The device is the topic's to say: what a reading names is left out.
    words: dict[str, Any] = {"t": iso(reading.t_us), "q": reading.q, "v": reading.v}
    more = {"u": reading.u, "rev": reading.rev, "ch": reading.ch}
    words |= {key: word for key, word in more.items() if word}
    if reading.seq is not None:
        words["seq"] = reading.seq
    return words


FORMAT: Final = Format(
    "own_json",
    json_text.parse,
    claims,
    read,
    encode,
    (
        Reading(1_795_428_900_000_000, "no2", 23.4, "ug/m3"),
        Reading(1_795_428_900_123_456, "air_temperature", 4.1, "Cel", 2, 812),
        Reading(1_795_428_960_000_000, "no2", -1.5, ch="b"),
    ),
)
