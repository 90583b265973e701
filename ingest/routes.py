"""Where readings go: for each device, quantity, channel and unit the series and the conversion.

Resolved once, then a dictionary look-up per reading and arrays per batch.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.names import Clock, Flag
from cityvitals.domain.outcome import Reason
from cityvitals.domain.series import Declaration
from cityvitals.store.batch import Sender
from cityvitals.store.dated import in_force
from cityvitals.store.registry import Device, DeviceKey

MOST_ROUTES: Final = 2_000_000

ROUTE: Final = np.dtype(
    [
        ("scale", "<f8"),
        ("offset", "<f8"),
        ("end", "<i8"),
        ("series", "<i4"),
        ("sender", "<i4"),
        ("flags", "<i4"),
        ("dated", "?"),
    ]
)
"""What a reading needs: canonical = v * scale + offset, complete at t + end (microseconds).

`dated`: the series declared different things over time, so the reading's time decides.
"""

Name = tuple[str, str, str]
"""Quantity, channel and unit token of a reading."""


class Refused(NamedTuple):
    """A reading that cannot be taken, whatever its value."""

    reason: Reason
    detail: str


@dataclass(slots=True)
class Line:
    """A device as its topic names it, with the routes found so far."""

    key: DeviceKey
    device: Device
    sender: int
    routes: dict[Name, int] = field(default_factory=dict)


class Routes:
    """All lines and routes of this process.

    Bounded by the registry's series times the spellings of units they are sent in; once it
    `is_full`, its owner clears it and all is found again.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.version = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything: the registry changed. What was read by an earlier version is stale."""
        self.version += 1
        self.lines: dict[str, Line] = {}
        self.senders: list[Sender] = []
        self.sealed: list[int] = []
        self.table = np.zeros(1024, ROUTE)
        self._used = 0
        self._dated: dict[int, tuple[tuple[Declaration, ...], str, str]] = {}
        self._sender_of: dict[tuple[str, str], int] = {}

    @property
    def is_full(self) -> bool:
        """Whether there are more routes than worth remembering."""
        return self._used > MOST_ROUTES

    def add_line(self, topic: str, key: DeviceKey, device: Device) -> Line:
        """Remember a device by its topic."""
        line = Line(key, device, self._sender(key, device))
        self.lines[topic] = line
        return line

    def make(self, line: Line, name: Name) -> int | Refused | None:
        """The route of a reading, why there cannot be one, or None: register its series first."""
        quantity, channel, token = name
        refused = self._refused(quantity, token)
        if refused is not None:
            return refused
        series = line.device.series.get((quantity, channel))
        if series is None:
            return None
        declarations = series.declarations
        slot = self._next_slot()
        record = self._record(declarations[0], quantity, token)
        self.table[slot] = (*record, series.id, line.sender, 0, False)
        self.table[slot]["flags"] = self._flags(declarations[0], token)
        if len(declarations) > 1:
            self.table[slot]["dated"] = True
            self._dated[slot] = declarations, quantity, token
        line.routes[name] = slot
        return slot

    def at(self, slot: int, t_us: int) -> tuple[float, float, int, int]:
        """Scale, offset, end and flags of a dated route for a reading of a certain time."""
        declarations, quantity, token = self._dated[slot]
        held = in_force(declarations, t_us) or declarations[0]
        return *self._record(held, quantity, token), self._flags(held, token)

    def _refused(self, quantity: str, token: str) -> Refused | None:
        if quantity not in self._catalogue.quantities:
            return Refused(Reason.UNKNOWN_QUANTITY, f"quantity {quantity[:64]!a} is not known")
        if token and self._catalogue.conversion(quantity, token) is None:
            return Refused(Reason.BAD_UNIT, f"unit {token[:64]!a} does not fit {quantity}")
        return None

    def _record(self, held: Declaration, quantity: str, token: str) -> tuple[float, float, int]:
        unit = token or held.unit or self._catalogue.quantities[quantity].unit
        conversion = self._catalogue.conversion(quantity, unit)
        if conversion is None:  # the store keeps only what was checked when it was declared
            msg = f"series of {quantity} is declared in {unit!a}"
            raise ValueError(msg)
        return conversion.scale, conversion.offset, held.end_us(0)

    def _flags(self, held: Declaration, token: str) -> int:
        if not token or not held.unit:
            return 0
        same = self._catalogue.find_unit(token) == self._catalogue.find_unit(held.unit)
        return 0 if same else int(Flag.UNIT_CHANGED)

    def _sender(self, key: DeviceKey, device: Device) -> int:
        name = key.city, key.gateway
        if name not in self._sender_of:
            self._sender_of[name] = len(self.senders)
            live = device.clock == Clock.LIVE
            self.senders.append(
                Sender(key.city, key.gateway, device.gateway_id, device.shard, live)
            )
            self.sealed.append(device.sealed_us)
        return self._sender_of[name]

    def _next_slot(self) -> int:
        if self._used == len(self.table):
            self.table = np.concatenate([self.table, np.zeros(len(self.table), ROUTE)])
        self._used += 1
        return self._used - 1
