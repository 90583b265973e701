"""Finding the routes that parts still lack: in the registry, or by registering what is new."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.outcome import Reason
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.store.completion import default_declaration
from cityvitals.store.failures import translated
from cityvitals.store.lanes import Lane, write_log
from cityvitals.store.patience import persist
from cityvitals.store.pool import Pool
from cityvitals.store.registry import (
    Device,
    DeviceKey,
    find_devices,
    find_gateways,
    register_devices,
    register_series,
)
from ingest.parts import Part
from ingest.routes import Line, Refused, Routes


@dataclass(slots=True)
class Resolver:
    """Finds routes, in short transactions of its own before the batch's.

    Attributes:
        allow_unknown: whether unknown devices and series register themselves.
        on_wait: told why the store keeps us waiting, and "" when it no longer does.
    """

    pool: Pool
    lane: Lane
    catalogue: Catalogue
    routes: Routes
    allow_unknown: bool
    on_wait: Callable[[str], None]

    async def resolve(self, parts: Sequence[Part]) -> None:
        """Give every part the routes of its readings; those that cannot have one are rejected.

        Raises:
            Fenced: another process has taken the lane.
        """
        unresolved = [part for part in parts if part.slots is None]
        if not unresolved:
            return
        await self._find_lines(unresolved)
        await self._find_series(unresolved)
        for part in unresolved:
            self._settle(part)

    async def _find_lines(self, parts: Sequence[Part]) -> None:
        unknown = {
            part.topic: part.key
            for part in parts
            if part.key is not None and part.topic not in self.routes.lines
        }
        if not unknown:
            return
        keys = sorted(set(unknown.values()))
        devices = await persist(lambda: self._devices(keys), self.on_wait)
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
                    moved = await register_devices(connection, welcome)
                    await write_log(connection, self.lane, moved)
                    found |= await find_devices(connection, welcome)
                return found

    async def _find_series(self, parts: Sequence[Part]) -> None:
        """Register the series that are missing, and look their devices up again."""
        wanted: dict[SeriesKey, Declaration] = {}
        lines: dict[str, Line] = {}
        for part in parts:
            line = self._line(part)
            if line is None:
                continue
            for name in set(part.names()):
                if name not in line.routes and self.routes.make(line, name) is None:
                    key = SeriesKey(line.key.city, line.key.device, name[0], name[1])
                    wanted[key] = default_declaration(self.catalogue, name[0])
                    lines[part.topic] = line
        if not wanted or not self.allow_unknown:
            return
        keys = [line.key for line in lines.values()]
        devices = await persist(lambda: self._registered(wanted, keys), self.on_wait)
        for line in lines.values():
            line.device = devices.get(line.key, line.device)

    async def _registered(
        self, wanted: dict[SeriesKey, Declaration], keys: Sequence[DeviceKey]
    ) -> dict[DeviceKey, Device]:
        with translated("registering series"):
            async with self.pool.acquire() as connection, connection.transaction():
                await register_series(connection, wanted)
                return await find_devices(connection, keys)

    def _line(self, part: Part) -> Line | None:
        line = self.routes.lines.get(part.topic)
        return line if line is not None and line.device.allowed else None

    def _settle(self, part: Part) -> None:
        line = self._line(part)
        if line is None:
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
                refused = made or Refused(Reason.NOT_ALLOWED, "the series is not registered")
                part.rejected.append((part.pack.index[row], *refused))
        part.keep(rows)
        part.slots = slots
