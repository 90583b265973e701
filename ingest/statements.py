"""Taking declarations: who may declare, and in one transaction what is new."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.outcome import Reason
from cityvitals.store.batch import Rejection
from cityvitals.store.declarations import DeclaredDevice, DeclaredStatus, declare
from cityvitals.store.failures import translated
from cityvitals.store.lanes import Lane
from cityvitals.store.newcomers import Quotas, find_restless, find_room
from cityvitals.store.patience import persist
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.registry import DeviceKey, find_devices, find_gateways
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
                    for one in _without(statements, [one for one, *_ in refused])
                    if one.declared is not None
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
        refused: list[Refusal] = [
            (one, Reason.NOT_ALLOWED, "not registered, or not allowed to send") for one in barred
        ]
        welcome = _without(statements, barred)
        restless = await self._restless(connection, welcome)
        welcome = _without(welcome, [one for one, *_ in restless])
        fresh: list[tuple[Statement, int]] = []
        registered = {key: set(device.series) for key, device in known.items()}
        for one in welcome:
            state, things = gateways[one.city, one.gateway], _new_things(one, registered)
            if things or not state.city_known or (bool(one.gateway) and state.allowed is None):
                fresh.append((one, things))
        return refused + restless + await self._crowded_out(connection, fresh)

    async def _restless(
        self, connection: Connection, statements: Sequence[Statement]
    ) -> list[Refusal]:
        """Statements of devices whose gateway has declared more than enough already."""
        asked = [one for one in statements if isinstance(one.declared, DeclaredDevice)]
        if not asked:
            return []
        gateways = ((one.city, one.gateway) for one in asked)
        full = await find_restless(connection, gateways, self.quotas.declarations)
        refused: list[Refusal] = []
        for one in asked:
            if why := full.get((one.city, one.gateway)):
                self.over.add(one.arrival.topic, why)
                refused.append((one, Reason.OVER_LIMIT, why))
        return refused

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


def _without(statements: Sequence[Statement], others: Sequence[Statement]) -> list[Statement]:
    """Statements but for some, each of which is itself only."""
    gone = {id(one) for one in others}
    return [one for one in statements if id(one) not in gone]


def _new_things(one: Statement, registered: dict[DeviceKey, set[tuple[str, str]]]) -> int:
    """How many sensors and series a statement would register, and takes note of them."""
    if not isinstance(one.declared, DeclaredDevice):
        return 0
    is_new = one.declared.key not in registered
    series = registered.setdefault(one.declared.key, set())
    fresh = one.declared.defaults.keys() - series
    series |= fresh
    return is_new + len(fresh)


def _digest(statement: Statement) -> bytes:
    """What stands for a payload: payloads themselves may be large."""
    return sha256(statement.arrival.payload).digest()
