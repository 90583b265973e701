"""Messages that are nearly right: bytes flipped, cut and spliced, and values exchanged in place."""

import copy
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from cityvitals.wire import cbor, json_text
from cityvitals.wire.format import Format

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, 2**28, 2**63, -(2**64), 10**30, 1e12, 0.1, "", "a",
    "no2.b",
    "a:b/c", "\u00e9", "x" * 201, [], {}, [1], {"a": 1}, [[]], "2026-01-01", "NaN",
    float("nan"), float("inf"), {"value": 1}, {"value": {"L1": 1}}, {"ts": 1, "values": {"a": 1}},
)  # fmt: skip
KEYS = ("t", "q", "v", "u", "n", "bn", "bt", "bv", "bu", "s", "ts", "values", "id", "type", "x_",
        "unitCode", "observedAt", "metadata", "data", "readings", "no2",
        0, 1, 2, -2, -3)  # fmt: skip


class Mutator:
    """Makes mutated messages of a format, the same ones for the same seed."""

    def __init__(self, form: Format, others: Sequence[Format], seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._form = form
        self._written = form.encode(form.samples)
        self._message = form.parse(self._written)
        self._others = [other.encode(other.samples) for other in others]

    def __call__(self) -> bytes:
        """The next one: two of three keep the notation whole."""
        if self._random.random() < 1 / 3:
            return self._bytes()
        message = copy.deepcopy(self._message)
        for _ in range(self._random.randint(1, 3)):
            message = self._value(message)
        return self._notated(message)

    def _bytes(self) -> bytes:
        given, pick = bytearray(self._written), self._random
        match pick.randrange(4):
            case 0:
                for _ in range(pick.randint(1, 4)):
                    given[pick.randrange(len(given))] ^= 1 << pick.randrange(8)
            case 1:
                del given[pick.randrange(len(given)) :]
            case 2:
                other = pick.choice([*self._others, self._written])
                given[pick.randrange(len(given)) :] = other[pick.randrange(len(other)) :]
            case _:
                begin = pick.randrange(len(given))
                given[begin:begin] = given[begin : begin + pick.randint(1, 20)]
        return bytes(given)

    def _value(self, message: Any) -> Any:
        """One place in the message changed: another value, another key, one more or one less."""
        places = list(_places(message))
        if not places:
            return self._random.choice(ODD)
        holder, key = self._random.choice(places)
        match self._random.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[self._random.choice(KEYS)] = holder.pop(key)
            case 2 if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(self._random.choice([holder[key], *ODD])))
            case _:
                holder[key] = copy.deepcopy(self._random.choice(ODD))
        return message

    def _notated(self, message: Any) -> bytes:
        if self._form.parse is json_text.parse:
            return json.dumps(message).encode()
        try:
            return cbor.write(message)
        except (ValueError, OverflowError, StopIteration):  # null, or too large: what write lacks
            return self._bytes()


def _places(message: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a message, with each key or index in it."""
    if isinstance(message, dict | list):
        for key in list(message) if isinstance(message, dict) else range(len(message)):
            yield message, key
            yield from _places(message[key])
