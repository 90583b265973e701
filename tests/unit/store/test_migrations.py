"""What a migration file may not do: hold a big table up, or break off so that it cannot go on."""

import re

import pytest

from cityvitals.store.migrate import OUTSIDE, Migration, shipped
from cityvitals.store.statements import split, without_comments
from tests.unit.store.long_locks import EXCUSE, long_locks

BEFORE_THIS_CHECK = 5
"""Older files are applied and cannot change; there was no big database then."""

LONG = [
    "create index a on reading (value)",
    "create unique index a on only rollup (sum)",
    "create index if not exists a on dead_letter (reason)",
    "alter table reading alter column value type real",
    "alter table only indicator alter value set data type numeric(9, 3)",
    "alter table reading alter column rev set not null",
    "alter table change add column id bigserial",
    "alter table change add column id bigint generated always as identity",
    "alter table reading add column seen_at timestamptz not null default clock_timestamp()",
    "alter table reading add constraint c check (value < 1e30)",
    "alter table reading add foreign key (series_id) references series (id)",
    "alter table reading add column owner int references gateway (id)",
    "alter table commit_log add constraint one unique (seq)",
    "alter table reading drop column rev, alter column value type real",
    "alter table rollup set unlogged",
    "alter table rollup set tablespace fast",
    "cluster reading using reading_key",
    "vacuum full reading",
    "lock table indicator",
    "reindex table change",
    "update reading set flags = 0",
    "delete from change where number < 7",
    "truncate commit_log",
    'ALTER TABLE "reading"\n  -- cheap?\n  ALTER COLUMN value TYPE real',
]
SHORT = [
    "create index concurrently a on reading_2026_03 (value)",
    "create index a on gateway (name)",
    "create table reading (a int); create index a on reading (a)",
    "alter table reading add column note text",
    "alter table reading add column n int not null default 0",
    "alter table reading drop column rev",
    "alter table reading add constraint c check (value < 1e30) not valid",
    "alter table reading validate constraint c",
    "alter table commit_log add constraint one unique using index one",
    "alter table reading alter column value set statistics 1000",
    "alter table gateway alter column name type varchar",
    "update gateway set allowed = true",
    "drop index a",
]


@pytest.mark.parametrize("sql", LONG)
def test_what_holds_a_big_table_up_is_found(sql: str) -> None:
    assert list(long_locks(sql))


@pytest.mark.parametrize("sql", SHORT)
def test_what_does_not_is_let_through(sql: str) -> None:
    assert not list(long_locks(sql))


def test_a_reason_lets_it_through_and_an_empty_one_does_not() -> None:
    sql = "create index a on reading (value)"
    assert not list(long_locks(f"{EXCUSE} the table is new in this release, and empty\n{sql}"))
    assert list(long_locks(f"{EXCUSE} because\n{sql}"))
    other = f"{EXCUSE} the table is new in this release, and empty\nselect 1;\n{sql}"
    assert list(long_locks(other)), "a reason counts for its own statement"


@pytest.mark.parametrize("migration", shipped(), ids=str)
def test_no_migration_holds_a_big_table_up(migration: Migration) -> None:
    if migration.version > BEFORE_THIS_CHECK:
        assert not list(long_locks(migration.sql))


def not_again(statement: str) -> bool:
    """Whether a statement fails, or does more, where it has been run before."""
    words = without_comments(statement)
    if words.startswith("create index concurrently "):
        return True  # broken off, it leaves an invalid one: `if not exists` would keep that
    return not re.search(r"\bif (?:not )?exists\b|\bor replace\b|^alter table \w+ validate ", words)


def unrepeatable(migration: Migration) -> list[str]:
    """Statements of a file outside a transaction that cannot be run again."""
    seen: set[str] = set()
    found = []
    for statement in split(migration.sql):
        words = without_comments(statement)
        seen |= set(re.findall(r"^drop index concurrently if exists (\w+)", words))
        made = re.match(r"create (?:unique )?index concurrently (\w+) on", words)
        if not (made and made[1] in seen) and not_again(statement):
            found.append(words)
    return found


@pytest.mark.parametrize("migration", shipped(), ids=str)
def test_what_runs_outside_a_transaction_can_run_again(migration: Migration) -> None:
    assert migration.is_whole or not unrepeatable(migration)


def test_what_cannot_run_again_is_found() -> None:
    def outside(sql: str) -> Migration:
        return Migration(1, "x", f"{OUTSIDE} so that it may\n{sql}")

    assert unrepeatable(outside("create index concurrently a on t (b)"))
    assert unrepeatable(outside("create index concurrently if not exists a on t (b)"))
    assert unrepeatable(outside("insert into t values (1)"))
    assert not unrepeatable(
        outside("drop index concurrently if exists a; create index concurrently a on t (b)")
    )
    assert not unrepeatable(outside("alter table t validate constraint c"))


def test_versions_are_unique_and_digests_follow_the_text() -> None:
    versions = [migration.version for migration in shipped()]
    assert sorted(set(versions)) == versions
    assert len({migration.digest for migration in shipped()}) == len(versions)
