"""Where readings go: for each device, quantity, channel and unit the series and the conversion.

Resolved once, then a dictionary look-up per reading and arrays per batch.
"""

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from cityvitals.catalogue.gases import conversion_at, needs_reference, refusal
from cityvitals.catalogue.load import MOST_FAULT_CODES, Catalogue
from cityvitals.domain.names import Clock, Flag
from cityvitals.domain.outcome import Reason
from cityvitals.domain.series import Declaration
from cityvitals.store.batch import Sender
from cityvitals.store.dated import in_force
from cityvitals.store.registry import Device, DeviceKey
from ingest.quality import fault_row, limit_of

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
        ("low", "<f8"),
        ("high", "<f8"),
        ("faults", "<f8", (MOST_FAULT_CODES,)),
    ]
)
"""What a reading needs: canonical = v * scale + offset, complete at t + end (microseconds).

`low`, `high`, `faults`: what its value is judged by (`ingest.quality.Bounds`).
`dated`: the series declared different things over time, so the reading's time decides.
"""

Name = tuple[str, str, str]
"""Quantity, channel and unit token of a reading."""


class Refused(NamedTuple):
    """A reading that cannot be taken, whatever its value."""

    reason: Reason
    detail: str


class Record(NamedTuple):
    """What a declaration makes of the readings that it holds for: fields of ROUTE.

    Attributes:
        scale: NaN where the declaration lacks the reference state that the unit needs.
    """

    scale: float
    offset: float
    end: int
    flags: int
    low: float
    high: float


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
        self.server_timed: list[bool] = []
        self.table = np.zeros(1024, ROUTE)
        self._used = 0
        self._dated: dict[int, tuple[Line, tuple[Declaration, ...], Name]] = {}
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
            return None if not self._needs_state(name) else self._unfit(name)
        declarations = series.declarations
        records = [self._record(line, held, name) for held in declarations]
        if all(math.isnan(one.scale) for one in records):
            return self._unfit(name)
        slot = self._next_slot()
        row = self.table[slot]
        for field_name, value in records[0]._asdict().items():
            row[field_name] = value
        row["series"], row["sender"] = series.id, line.sender
        row["faults"] = fault_row(self._catalogue.quantities[quantity])
        row["dated"] = len(declarations) > 1
        if len(declarations) > 1:
            self._dated[slot] = line, declarations, name
        line.routes[name] = slot
        return slot

    def at(self, slot: int, t_us: int) -> Record:
        """What a dated route makes of a reading of a certain time."""
        line, declarations, name = self._dated[slot]
        return self._record(line, in_force(declarations, t_us) or declarations[0], name)

    def unfit(self, slot: int) -> str:
        """Why a dated route converts nothing at some time, in words."""
        return self._unfit(self._dated[slot][2]).detail

    def _refused(self, quantity: str, token: str) -> Refused | None:
        if quantity not in self._catalogue.quantities:
            return Refused(Reason.UNKNOWN_QUANTITY, f"quantity {quantity[:64]!a} is not known")
        if token and self._catalogue.conversion(quantity, token) is None:
            if needs_reference(self._catalogue, quantity, token):
                return None  # the series may declare one
            return Refused(Reason.BAD_UNIT, refusal(self._catalogue, quantity, token))
        return None

    def _needs_state(self, name: Name) -> bool:
        return bool(name[2]) and needs_reference(self._catalogue, name[0], name[2])

    def _unfit(self, name: Name) -> Refused:
        return Refused(Reason.BAD_UNIT, refusal(self._catalogue, name[0], name[2]))

    def _record(self, line: Line, held: Declaration, name: Name) -> Record:
        quantity, _, token = name
        known = self._catalogue.quantities[quantity]
        unit = token or held.unit or known.unit
        found = conversion_at(self._catalogue, quantity, unit, held.reference_state)
        if found is None and not token:  # the store keeps only what was checked when declared
            msg = f"series of {quantity} is declared in {unit!a}"
            raise ValueError(msg)
        low, high = limit_of(known, held, line.device.limits.get(quantity))
        scale, offset = (math.nan, 0.0) if found is None else found
        return Record(scale, offset, held.end_us(0), self._flags(held, token), low, high)

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
            self.server_timed.append(device.server_timed)
        return self._sender_of[name]

    def _next_slot(self) -> int:
        if self._used == len(self.table):
            self.table = np.concatenate([self.table, np.zeros(len(self.table), ROUTE)])
        self._used += 1
        return self._used - 1
