"""Taking declarations: who may declare, and in one transaction what is new."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.outcome import Reason
from cityvitals.store.batch import Rejection
from cityvitals.store.declarations import DeclaredDevice, DeclaredStatus, declare
from cityvitals.store.failures import translated
from cityvitals.store.lanes import Lane
from cityvitals.store.newcomers import Quotas, find_room
from cityvitals.store.patience import persist
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.registry import Device, DeviceKey, find_devices, find_gateways
from ingest.declared import Statement
from ingest.refusals import Refusals

_MOST_REMEMBERED: Final = 50_000

Refusal = tuple[Statement, Reason, str]
"""What is turned away as a whole, and why."""


@dataclass(slots=True)
class Declarer:
    """Commits what devices, gateways and cities declare.

    Remembers what each topic of a device or city said last, because brokers send retained messages
    again on every connection; bounded by forgetting all past 50,000 topics.

    Attributes:
        catalogue: what quantities and units are known.
        allow_unknown: whether unknown devices, gateways and cities register themselves.
        on_wait: told why the store keeps us waiting, and "" when it no longer does.
        quotas: how much may register itself within an hour.
        over: topics whose statements were over a quota.
    """

    pool: Pool
    lane: Lane
    catalogue: Catalogue
    allow_unknown: bool
    on_wait: Callable[[str], None]
    quotas: Quotas
    over: Refusals[str] = field(default_factory=Refusals)
    _said: dict[str, bytes] = field(default_factory=dict)

    def forget(self) -> None:
        """Take everything anew: the registry changed."""
        self._said.clear()
        self.over.clear()

    async def commit(self, statements: Sequence[Statement]) -> tuple[list[Rejection], bool]:
        """Commit statements in order; what was turned away, and whether any said something new.

        Raises:
            Fenced: another process has taken the lane.
        """
        rejected = [one for statement in statements for one in statement.rejected]
        fresh = [one for one in statements if one.declared is not None and not self._is_known(one)]
        self.over.tidy()
        over = [(one, self.over.find(one.arrival.topic)) for one in fresh]
        refused: list[Refusal] = [(one, Reason.OVER_LIMIT, why) for one, why in over if why]
        asking = [one for one, why in over if not why]
        changed = False
        if asking:
            answered, changed = await persist(lambda: self._attempt(asking), self.on_wait)
            refused += answered
        for statement, reason, detail in refused:
            statement.reject(0, reason, detail)
            rejected.append(statement.rejected[-1])
        self._remember(fresh)
        return rejected, changed

    def _is_known(self, statement: Statement) -> bool:
        return self._said.get(statement.arrival.topic) == _digest(statement)

    def _remember(self, statements: Sequence[Statement]) -> None:
        if len(self._said) > _MOST_REMEMBERED:
            self._said.clear()
        for one in statements:
            if not one.rejected and not isinstance(one.declared, DeclaredStatus):
                self._said[one.arrival.topic] = _digest(one)

    async def _attempt(self, statements: Sequence[Statement]) -> tuple[list[Refusal], bool]:
        with translated("committing declarations"):
            async with self.pool.acquire() as connection, connection.transaction():
                refused = await self._refused(connection, statements)
                taken = [
                    one.declared
                    for one in statements
                    if one.declared is not None and not any(one is other for other, *_ in refused)
                ]
                return refused, await declare(connection, self.lane, taken)

    async def _refused(
        self, connection: Connection, statements: Sequence[Statement]
    ) -> list[Refusal]:
        """Statements by those who are not allowed, not known where they must be, or too many."""
        gateways = await find_gateways(connection, ((one.city, one.gateway) for one in statements))
        known = await find_devices(
            connection,
            (one.declared.key for one in statements if isinstance(one.declared, DeclaredDevice)),
        )

        def may(one: Statement) -> bool:
            gateway = gateways[one.city, one.gateway]
            if gateway.allowed is False:
                return False
            if self.allow_unknown:
                return True
            if isinstance(one.declared, DeclaredDevice):
                return one.declared.key in known
            return gateway.allowed is True if one.gateway else gateway.city_known

        barred = [one for one in statements if not may(one)]
        fresh: list[tuple[Statement, int]] = []
        for one in statements:
            state, things = gateways[one.city, one.gateway], _new_things(one, known)
            is_new = not state.city_known or (bool(one.gateway) and state.allowed is None)
            if (things or is_new) and not any(one is other for other in barred):
                fresh.append((one, things))
        refused: list[Refusal] = [
            (one, Reason.NOT_ALLOWED, "not registered, or not allowed to send") for one in barred
        ]
        return refused + await self._crowded_out(connection, fresh)

    async def _crowded_out(
        self, connection: Connection, fresh: Sequence[tuple[Statement, int]]
    ) -> list[Refusal]:
        """Those newcomers that the quotas have no room for."""
        if not fresh:
            return []
        room = await find_room(
            connection, ((one.city, one.gateway) for one, _ in fresh), self.quotas
        )
        refused: list[Refusal] = []
        for one, things in fresh:
            why = room.take((one.city, one.gateway), things)
            if why:
                self.over.add(one.arrival.topic, why)
                refused.append((one, Reason.OVER_LIMIT, why))
        return refused


def _new_things(one: Statement, known: Mapping[DeviceKey, Device]) -> int:
    """How many sensors and series a statement would register."""
    if not isinstance(one.declared, DeclaredDevice):
        return 0
    device = known.get(one.declared.key)
    if device is None:
        return 1 + len(one.declared.defaults)
    return len(one.declared.defaults.keys() - device.series.keys())


def _digest(statement: Statement) -> bytes:
    """What stands for a payload: payloads themselves may be large."""
    return sha256(statement.arrival.payload).digest()
