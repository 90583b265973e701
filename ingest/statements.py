"""Taking declarations: who may declare, and in one transaction what is new."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.outcome import Reason
from cityvitals.store.batch import Rejection
from cityvitals.store.declarations import DeclaredDevice, DeclaredStatus, declare
from cityvitals.store.failures import translated
from cityvitals.store.lanes import Lane
from cityvitals.store.patience import persist
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.registry import find_devices, find_gateways
from ingest.declared import Statement

_MOST_REMEMBERED: Final = 50_000


@dataclass(slots=True)
class Declarer:
    """Commits what devices, gateways and cities declare.

    Remembers what each topic of a device or city said last, because brokers send retained messages
    again on every connection; bounded by forgetting all past 50,000 topics.

    Attributes:
        catalogue: what quantities and units are known.
        allow_unknown: whether unknown devices, gateways and cities register themselves.
        on_wait: told why the store keeps us waiting, and "" when it no longer does.
    """

    pool: Pool
    lane: Lane
    catalogue: Catalogue
    allow_unknown: bool
    on_wait: Callable[[str], None]
    _said: dict[str, bytes] = field(default_factory=dict)

    def forget(self) -> None:
        """Take everything anew: the registry changed."""
        self._said.clear()

    async def commit(self, statements: Sequence[Statement]) -> tuple[list[Rejection], bool]:
        """Commit statements in order; what was turned away, and whether any said something new.

        Raises:
            Fenced: another process has taken the lane.
        """
        rejected = [one for statement in statements for one in statement.rejected]
        fresh = [one for one in statements if one.declared is not None and not self._is_known(one)]
        if not fresh:
            return rejected, False
        refused, changed = await persist(lambda: self._attempt(fresh), self.on_wait)
        for statement in refused:
            statement.reject(0, Reason.NOT_ALLOWED, "not registered, or not allowed to send")
            rejected.append(statement.rejected[-1])
        self._remember(fresh)
        return rejected, changed

    def _is_known(self, statement: Statement) -> bool:
        return self._said.get(statement.arrival.topic) == statement.arrival.payload

    def _remember(self, statements: Sequence[Statement]) -> None:
        if len(self._said) > _MOST_REMEMBERED:
            self._said.clear()
        for one in statements:
            if not one.rejected and not isinstance(one.declared, DeclaredStatus):
                self._said[one.arrival.topic] = one.arrival.payload

    async def _attempt(self, statements: Sequence[Statement]) -> tuple[list[Statement], bool]:
        with translated("committing declarations"):
            async with self.pool.acquire() as connection, connection.transaction():
                refused = await self._refused(connection, statements)
                taken = [
                    one.declared
                    for one in statements
                    if one.declared is not None and not any(one is other for other in refused)
                ]
                return refused, await declare(connection, self.lane, taken)

    async def _refused(
        self, connection: Connection, statements: Sequence[Statement]
    ) -> list[Statement]:
        """Statements by those who are not allowed, or not known where they must be."""
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

        return [one for one in statements if not may(one)]
