"""What a query costs, told by the server: EXPLAIN (ANALYZE, BUFFERS), first and sixth execution."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

EXECUTIONS: Final = 6
"""From the sixth on PostgreSQL may take a plan made without looking at the parameters."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one execution did.

    Attributes:
        rows: rows that scans of tables gave, or looked at and turned away.
        buffers: pages touched by the execution, wherever they were.
        planning_buffers: pages touched by planning it.
        planned: partitions and tables that the plan names or held and could leave out.
        touched: those that were scanned.
        ms: how long the execution took.
    """

    rows: int
    buffers: int
    planning_buffers: int
    planned: int
    touched: frozenset[str]
    ms: float
    plan: Any

    def __str__(self) -> str:
        return (
            f"rows {self.rows}, buffers {self.buffers}, planning {self.planning_buffers}, "
            f"planned {self.planned}, touched {sorted(self.touched)}, {self.ms:.1f} ms"
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """How much a query may cost, in the terms of `Cost`."""

    rows: int
    buffers: int
    touched: int = 1
    planned: int = 12

    def misses(self, cost: Cost) -> list[str]:
        """Where a cost is over the bound."""
        pairs = {
            "rows": (cost.rows, self.rows),
            "buffers": (cost.buffers, self.buffers),
            "touched": (len(cost.touched), self.touched),
            "planned": (cost.planned, self.planned),
        }
        return [f"{name} {has} > {may}" for name, (has, may) in pairs.items() if has > may]


async def costs(connection: Any, query: str, *arguments: Any) -> list[Cost]:
    """The cost of each of six executions of one prepared statement; writes are undone.

    Args:
        connection: outside of any transaction.
        query: with parameters.
        arguments: as the code passes them.
    """
    types = [one.name for one in (await connection.prepare(query)).get_parameters()]
    literals = [await _literal(connection, *pair) for pair in zip(arguments, types, strict=True)]
    named = f"({', '.join(types)})" if types else ""
    given = f"({', '.join(literals)})" if literals else ""
    await connection.execute(f"prepare probe {named} as {query}")
    try:
        return [await _explain(connection, f"execute probe{given}") for _ in range(EXECUTIONS)]
    finally:
        await connection.execute("deallocate probe")


async def _explain(connection: Any, statement: str) -> Cost:
    transaction = connection.transaction()
    await transaction.start()
    try:
        text = await connection.fetchval(f"explain (analyze, buffers, format json) {statement}")
    finally:
        await transaction.rollback()
    return _cost(msgspec.json.decode(text)[0])


async def _literal(connection: Any, value: Any, kind: str) -> str:
    text = await connection.fetchval(f"select quote_nullable($1::{kind}::text)", value)
    return f"{text}::{kind}"


def _cost(explained: Any) -> Cost:
    plan = explained["Plan"]
    nodes = list(_nodes(plan))
    # What INSERT, UPDATE and DELETE read is told by the scans below them.
    scans = [node for node in nodes if "Relation Name" in node and "Operation" not in node]
    removed = sum(node.get("Subplans Removed", 0) for node in nodes)
    planning = explained.get("Planning", {})
    return Cost(
        rows=round(sum(_looked_at(node) for node in scans)),
        buffers=_pages(plan),
        planning_buffers=_pages(planning),
        planned=len({node["Relation Name"] for node in scans}) + removed,
        touched=frozenset(node["Relation Name"] for node in scans if node["Actual Loops"]),
        ms=explained["Execution Time"],
        plan=plan,
    )


def _nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _looked_at(node: Any) -> float:
    each: float = (
        node["Actual Rows"]
        + node.get("Rows Removed by Filter", 0)
        + node.get("Rows Removed by Index Recheck", 0)
    )
    return each * float(node["Actual Loops"])


def _pages(node: Any) -> int:
    return int(node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0))
