"""SenML in CBOR (RFC 8428, section 6): records with small numbers for names; both ways, pure."""

from collections.abc import Iterable
from typing import Any, Final

from cityvitals.wire import cbor, senml
from cityvitals.wire.format import Format
from cityvitals.wire.pack import Pack, Reading

_LABELS: Final[dict[int | str, str]] = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_NAMES: Final = frozenset({0, -2, "n", "bn"})
_NUMBERS: Final = {text: label for label, text in _LABELS.items()}


def _relabelled(message: Any) -> Any:
    """A message with texts for labels, as in JSON."""
    if not isinstance(message, list):
        return message
    return [
        {_LABELS.get(key, key): value for key, value in record.items()}
        if isinstance(record, dict)
        else record
        for record in message
    ]


def claims(message: Any) -> bool:
    """Whether a message is an array in which a record has a name."""
    return isinstance(message, list) and any(
        isinstance(record, dict) and not _NAMES.isdisjoint(record) for record in message
    )


def read(message: Any) -> Pack:
    """The readings of a pack; raises MalformedPayload as JSON's reader does."""
    return senml.read(_relabelled(message))


def encode(readings: Iterable[Reading]) -> bytes:
    """The pack that holds readings."""
    return cbor.write(
        [
            {_NUMBERS[key]: value for key, value in record.items()}
            for record in senml.write(readings)
        ]
    )


FORMAT: Final = Format("senml_cbor", cbor.parse, claims, read, encode, senml.SAMPLES)
