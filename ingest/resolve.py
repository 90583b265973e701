"""Finding the routes that parts still lack: in the registry, or by registering what is new."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.outcome import Reason
from cityvitals.domain.series import SeriesKey
from cityvitals.settings import IngestSettings
from cityvitals.store.completion import default_declaration
from cityvitals.store.failures import translated
from cityvitals.store.lanes import Lane, write_log
from cityvitals.store.newcomers import Quotas, Room, find_room
from cityvitals.store.patience import persist
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.registry import (
    Device,
    DeviceKey,
    find_devices,
    find_gateways,
    find_keys,
    register_devices,
    register_series,
)
from ingest.parts import Part
from ingest.refusals import Refusals
from ingest.routes import Line, Name, Refused, Routes

Newcomer = tuple[DeviceKey, tuple[str, str] | str]
"""A device and "", or a device and the quantity and channel of one of its series."""

_T = TypeVar("_T")


async def _find_wherever(
    connection: Connection, keys: Sequence[DeviceKey]
) -> dict[DeviceKey, Device]:
    """Devices by the keys they came with, also where they moved to another gateway since."""
    found = await find_devices(connection, keys)
    for key in keys:
        if key not in found:
            now = await find_keys(connection, key.city, [key.device])
            moved = await find_devices(connection, now.values())
            for device in moved.values():
                found[key] = device
    return found


def _once_each(keys: Sequence[DeviceKey]) -> list[list[DeviceKey]]:
    """Keys in rounds that name no device twice.

    One that comes by two gateways or in two domains moves from one to the other, so each of its
    keys has to be looked up while it is there.
    """
    rounds: list[list[DeviceKey]] = []
    seen: Counter[tuple[str, str]] = Counter()
    for key in keys:
        place = seen[key.city, key.device]
        seen[key.city, key.device] += 1
        if place == len(rounds):
            rounds.append([])
        rounds[place].append(key)
    return rounds


def quotas_of(settings: IngestSettings) -> Quotas:
    """How many newcomers an hour are taken, as it is set."""
    return Quotas(
        settings.new_series_per_hour,
        settings.new_gateways_per_hour,
        settings.new_cities_per_hour,
        settings.new_declarations_per_hour,
    )


@dataclass(slots=True)
class Resolver:
    """Finds routes, in short transactions of its own before the batch's.

    Attributes:
        allow_unknown: whether unknown devices and series register themselves.
        on_wait: told why the store keeps us waiting, and "" when it no longer does.
        quotas: how much may register itself within an hour.
        refused: devices and series that were over a quota.
        over: gateways that were.
    """

    pool: Pool
    lane: Lane
    catalogue: Catalogue
    routes: Routes
    allow_unknown: bool
    on_wait: Callable[[str], None]
    quotas: Quotas
    refused: Refusals[Newcomer] = field(default_factory=Refusals)
    over: Refusals[tuple[str, str]] = field(default_factory=Refusals)

    def forget(self) -> None:
        """Ask again for everything: the registry changed."""
        self.refused.clear()
        self.over.clear()

    async def resolve(self, parts: Sequence[Part]) -> None:
        """Give every part the routes of its readings; those that cannot have one are rejected.

        Raises:
            Fenced: another process has taken the lane.
        """
        unresolved = [part for part in parts if part.slots is None]
        if not unresolved:
            return
        self.refused.tidy()
        self.over.tidy()
        await self._find_lines(unresolved)
        await self._find_series(unresolved)
        for part in unresolved:
            self._settle(part)

    async def _find_lines(self, parts: Sequence[Part]) -> None:
        unknown = {
            part.topic: part.key
            for part in parts
            if part.key is not None
            and part.topic not in self.routes.lines
            and not self.refused.find((part.key, ""))
        }
        if not unknown:
            return
        devices: dict[DeviceKey, Device] = {}
        for keys in _once_each(sorted(set(unknown.values()))):
            devices |= await persist(partial(self._devices, keys), self.on_wait)
        for topic, key in unknown.items():
            if key in devices:
                self.routes.add_line(topic, key, devices[key])

    async def _devices(self, keys: Sequence[DeviceKey]) -> dict[DeviceKey, Device]:
        with translated("finding devices"):
            async with self.pool.acquire() as connection, connection.transaction():
                found = await find_devices(connection, keys)
                missing = [key for key in keys if key not in found]
                if missing and self.allow_unknown:
                    gateways = await find_gateways(
                        connection, ((key.city, key.gateway) for key in missing)
                    )
                    welcome = [
                        key
                        for key in missing
                        if gateways[key.city, key.gateway].allowed is not False
                    ]
                    admitted = await self._admit(connection, {(key, ""): key for key in welcome})
                    moved = await register_devices(connection, admitted.values())
                    await write_log(connection, self.lane, moved)
                    found |= await find_devices(connection, admitted.values())
                return found

    async def _admit(
        self, connection: Connection, wanted: Mapping[Newcomer, _T]
    ) -> dict[Newcomer, _T]:
        """Those newcomers that the quotas have room for; why the others are refused is kept."""
        gateways = {(key.city, key.gateway) for key, _ in wanted}
        # A gateway that was over its limit a moment ago needs no counting again.
        asked = [one for one in gateways if not self.over.find(one)]
        room = await find_room(connection, asked, self.quotas) if asked else Room(self.quotas)
        admitted = {}
        for one, what in wanted.items():
            gateway = one[0].city, one[0].gateway
            why = self.over.find(gateway) or room.take(gateway, 1)
            if why:
                self.over.add(gateway, why)
                self.refused.add(one, why)
            else:
                admitted[one] = what
        return admitted

    async def _find_series(self, parts: Sequence[Part]) -> None:
        """Register the series that are missing, and look their devices up again."""
        wanted: dict[Newcomer, SeriesKey] = {}
        lines: dict[str, Line] = {}
        for part in parts:
            line = self._line(part)
            if line is None:
                continue
            for name in set(part.names()):
                one = line.key, (name[0], name[1])
                if (
                    name not in line.routes
                    and not self.refused.find(one)
                    and self.routes.make(line, name) is None
                ):
                    wanted[one] = SeriesKey(line.key.city, line.key.device, name[0], name[1])
                    lines[part.topic] = line
        if not wanted or not self.allow_unknown:
            return
        keys = [line.key for line in lines.values()]
        devices = await persist(lambda: self._registered(wanted, keys), self.on_wait)
        for line in lines.values():
            if line.key in devices:
                line.device = replace(line.device, series=devices[line.key].series)

    async def _registered(
        self, wanted: Mapping[Newcomer, SeriesKey], keys: Sequence[DeviceKey]
    ) -> dict[DeviceKey, Device]:
        with translated("registering series"):
            async with self.pool.acquire() as connection, connection.transaction():
                # Another worker may have registered them since: those are no newcomers.
                found = await find_devices(connection, keys)
                missing = {
                    one: key
                    for one, key in wanted.items()
                    if one[0] not in found or one[1] not in found[one[0]].series
                }
                if not missing:
                    return found
                admitted = await self._admit(connection, missing)
                defaults = {
                    key: default_declaration(self.catalogue, key.quantity)
                    for key in admitted.values()
                }
                await register_series(connection, defaults)
                return await _find_wherever(connection, keys)

    def _line(self, part: Part) -> Line | None:
        line = self.routes.lines.get(part.topic)
        return line if line is not None and line.device.allowed else None

    def _settle(self, part: Part) -> None:
        line = self._line(part)
        if line is None:
            over = self.refused.find((part.key, "")) if part.key is not None else ""
            if over:
                part.reject_readings(Reason.OVER_LIMIT, over)
            else:
                part.reject_readings(Reason.NOT_ALLOWED, "the device or its gateway may not send")
            return
        rows, slots = [], []
        for row, name in enumerate(part.names()):
            found = line.routes.get(name)
            made = self.routes.make(line, name) if found is None else found
            if isinstance(made, int):
                rows.append(row)
                slots.append(made)
            else:
                refused = made or self._unregistered(line.key, name)
                part.rejected.append((part.pack.index[row], *refused))
        part.keep(rows)
        part.slots = slots

    def _unregistered(self, key: DeviceKey, name: Name) -> Refused:
        over = self.refused.find((key, (name[0], name[1])))
        if over:
            return Refused(Reason.OVER_LIMIT, over)
        return Refused(Reason.NOT_ALLOWED, "the series is not registered")
