"""Rule bodies and facts in memory: a revision, and what was stated, never change: read once."""

from collections.abc import Iterable, Mapping
from typing import Any

from cityvitals.errors import CityVitalsError
from cityvitals.store.pool import Connection
from cityvitals.store.views import Row, list_rule_ids, read_facts_by_id, read_rule_bodies
from kpi_rules.present import present


class RuleBook:
    """Bodies by (id, revision), facts by id. Bounded by what the tables `rule` and `fact` hold."""

    def __init__(self) -> None:
        self._facts: dict[int, Row] = {}
        self._bodies: dict[tuple[str, int], Mapping[str, Any]] = {}
        self._ids: set[str] = set()

    async def learn(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Have the body of every rule revision, and every fact, that made one of these indicators.

        Raises:
            CityVitalsError: a row names a rule revision that the database does not have.
            StoreUnavailable: the server is away.
        """
        rows = list(rows)
        await self._learn_facts(connection, {one for row in rows for one in row.get("facts") or ()})
        needed = {(row["rule"], row["rule_revision"]) for row in rows}
        missing = needed - self._bodies.keys()
        if not missing:
            return
        self._bodies.update(await read_rule_bodies(connection, missing))
        absent = sorted(missing - self._bodies.keys())
        if absent:
            named = ", ".join(f"{rule} revision {revision}" for rule, revision in absent)
            raise CityVitalsError(f"indicators were made by rules that are not stored: {named}")

    async def _learn_facts(self, connection: Connection, needed: set[int]) -> None:
        missing = needed - self._facts.keys()
        if missing:
            rows = await read_facts_by_id(connection, missing)
            self._facts.update({row["id"]: row for row in rows})

    def show(self, row: Row) -> dict[str, Any]:
        """An indicator as it is shown; `learn` it before."""
        facts = [self._facts[one] for one in row.get("facts") or ()]
        return present(self.body_of(row), row, facts)

    def body_of(self, row: Row) -> Mapping[str, Any]:
        """The body of the rule revision that made an indicator; `learn` it before."""
        return self._bodies[(row["rule"], row["rule_revision"])]

    async def knows(self, connection: Connection, rule: str) -> bool:
        """Whether a rule of this id was ever loaded.

        Raises:
            StoreUnavailable: the server is away.
        """
        if rule not in self._ids:
            self._ids = set(await list_rule_ids(connection))
        return rule in self._ids
