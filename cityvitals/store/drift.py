"""Schema drift: where the live catalogue is not what this build's migrations make.

`schema.txt` holds what they make, one fact a line; a test makes it anew and compares. Anything of
ours that is missing or defined otherwise breaks a promise sooner or later, and so does an added
column, constraint, trigger or unique index; a further plain index only costs. Tables of others in
the same schema are not ours to judge.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

_TABLE: Final = "table"
_LOST: Final = "restore it from a backup (its rows are gone with it)"


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One part of the schema.

    Attributes:
        owner: the table (or function) that it is about.
        kind: `table`, `column`, `index`, `constraint`, `trigger`, `rule` or `function`.
        name: the part's name; a function's arguments.
        definition: as PostgreSQL words it.
    """

    owner: str
    kind: str
    name: str
    definition: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What the fact is about."""
        return self.owner, self.kind, self.name

    def __str__(self) -> str:
        if self.kind == "function":
            return f"function {self.owner}({self.name})"
        return f"{self.kind} {self.owner}.{self.name}".removesuffix(".")


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference, and what to do about it.

    Attributes:
        breaks: whether the service cannot keep its promises on it.
    """

    what: str
    remedy: str
    breaks: bool = True

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


async def find_drift(connection: Connection) -> list[Drift]:
    """Where the current schema differs from what this build's migrations make.

    Raises:
        StoreUnavailable: the server is away.
    """
    return compare(expected(), await read_facts(connection))


async def read_facts(connection: Connection) -> list[Fact]:
    """The facts of the current schema, in order.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading the catalogue"):
        rows = await connection.fetch(queries("drift")["catalogue"])
    return sorted(Fact(**dict(row)) for row in rows)


@cache
def expected() -> tuple[Fact, ...]:
    """What the migrations of this build make."""
    return tuple(parse((files("cityvitals.store") / "schema.txt").read_text(encoding="utf-8")))


def parse(text: str) -> Iterator[Fact]:
    """The facts of a file's text."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield Fact(*line.split("\t"))


def as_text(facts: Iterable[Fact]) -> str:
    """Facts as `parse` reads them, one a line."""
    rows = [
        (fact.owner, fact.kind, fact.name, " ".join(fact.definition.split()))
        for fact in sorted(facts)
    ]
    return "".join("\t".join(row) + "\n" for row in rows)


def compare(wanted: Iterable[Fact], live: Iterable[Fact]) -> list[Drift]:
    """Every difference, in order of the tables' names; the parts of a missing table are not told.

    Args:
        wanted: what there should be.
        live: what there is, with things of others among it.
    """
    should = {fact.key: fact for fact in wanted}
    there = {fact.key: fact for fact in parse(as_text(live))}
    tables = {fact.owner for fact in should.values() if fact.kind == _TABLE}
    absent = {table for table in tables if (table, _TABLE, "") not in there}
    found: list[Drift] = []
    for key in sorted(should.keys() | there.keys()):
        fact, now = should.get(key), there.get(key)
        if now is None and fact is not None:
            if fact.kind == _TABLE or fact.owner not in absent:
                found.append(_missing(fact))
        elif fact is None and now is not None:
            if now.owner in tables:
                found.append(_extra(now))
        elif fact is not None and now is not None and fact != now:
            found.append(_changed(fact, now))
    return found


def _missing(fact: Fact) -> Drift:
    return Drift(f"{fact} is missing", _restoring(fact))


def _extra(fact: Fact) -> Drift:
    is_harmless = fact.kind == "index" and not fact.definition.startswith("unique ")
    cost = " (harmless, but every write pays for it)" if is_harmless else ""
    what = f"{fact} is not ours{cost}"
    return Drift(what, f"remove it with `{_dropping(fact)}`", breaks=not is_harmless)


def _changed(fact: Fact, now: Fact) -> Drift:
    what = f"{fact} is `{now.definition}`, but the migrations make `{fact.definition}`"
    if fact.kind in {"index", "constraint"}:
        return Drift(what, f"`{_dropping(fact)}`, then {_restoring(fact)}")
    if fact.kind == "column":
        return Drift(
            what, f"change it back with `alter table {_quoted(fact.owner)} alter column …`"
        )
    return Drift(what, "change it back, or restore the schema from a backup")


def _restoring(fact: Fact) -> str:
    """How to have again what is missing."""
    owner, name = _quoted(fact.owner), _quoted(fact.name)
    if fact.kind == "index":
        unique = "unique " if fact.definition.startswith("unique ") else ""
        method = fact.definition.removeprefix("unique ")
        return f"make it with `create {unique}index {name} on {owner} using {method}`"
    if fact.kind == "constraint":
        return f"make it with `alter table {owner} add constraint {name} {fact.definition}`"
    if fact.kind == "column":
        return f"{_LOST}; without one: `alter table {owner} add column {name} {fact.definition}`"
    if fact.kind == "function":
        return "take it from the newest file in cityvitals/store/migrations that creates it"
    return _LOST


def _dropping(fact: Fact) -> str:
    owner, name = _quoted(fact.owner), _quoted(fact.name)
    if fact.kind in {"column", "constraint"}:
        return f"alter table {owner} drop {fact.kind} {name}"
    return f"drop index {name}" if fact.kind == "index" else f"drop {fact.kind} {name} on {owner}"


def _quoted(name: str) -> str:
    """A name as SQL takes it; ours are lower case, but `limit` is a word of SQL."""
    return name if name.replace("_", "").isalnum() and name != "limit" else f'"{name}"'
