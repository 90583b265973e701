"""Which statements of a migration hold a big table up for long: rewrites, scans and builds."""

import re
from collections.abc import Iterator
from typing import Final

from cityvitals.store.statements import split, without_comments

BIG: Final = (
    "reading",
    "reading_revision",
    "rollup",
    "indicator",
    "commit_log",
    "change",
    "dead_letter",
    "dead_message",
)
"""Tables that grow with what the city sends."""

EXCUSE: Final = "-- long lock:"
"""A comment in front of a statement that needs one all the same; a reason follows."""
SHORTEST_REASON: Final = 20

_TABLE: Final = r'(?:only )?"?(?P<table>\w+)"?'
_ALTERED: Final = {
    r"\balter (?:column )?\w+ (?:set data )?type\b": "rewrites the table: add a column beside it",
    r"\balter (?:column )?\w+ set not null\b": (
        "scans the table: add a check `… is not null` not valid, validate it, then set not null"
    ),
    r"\badd (?:column )?(?:if not exists )?\w+ [^,]*\b(?:generated|\w*serial)\b": (
        "rewrites the table: add a plain column and fill it in portions"
    ),
    r"\badd (?:column )?(?:if not exists )?\w+ [^,]*\bdefault "
    r"(?:clock_timestamp|gen_random_uuid|random|nextval|timeofday)": (
        "rewrites the table, since each row has its own default: fill it in portions"
    ),
    r"\badd (?:constraint \w+ )?(?:check|foreign key)\b(?!.*\bnot valid\b)": (
        "scans the table: add it `not valid`, and validate it in a migration of its own"
    ),
    r"\badd (?:column )?\w+ [^,]*\breferences\b": (
        "scans the table: add the column, then the foreign key `not valid`"
    ),
    r"\badd (?:constraint \w+ )?(?:primary key|unique|exclude)\b(?!.*\busing index\b)": (
        "builds an index: build it concurrently first, then add it `using index`"
    ),
    r"\bset (?:un)?logged\b": "rewrites the table",
    r"\bset (?:tablespace|access method)\b": "rewrites the table",
}
_STATEMENTS: Final = {
    rf"^create (?:unique )?index (?!concurrently).*?\bon {_TABLE}": (
        "builds an index while nobody may write: `create index concurrently`, outside a "
        "transaction; on a partitioned table partition by partition"
    ),
    rf"^(?:cluster|vacuum full|lock(?: table)?) (?:verbose )?{_TABLE}": "shuts everybody out",
    rf"^reindex (?!.*\bconcurrently\b)(?:index|table) {_TABLE}": "shuts writers out",
    rf"^(?:update|delete from) {_TABLE}": (
        "touches rows without bound in one transaction: a command does it in portions"
    ),
    rf"^(?:refresh materialized view|truncate(?: table)?) (?!concurrently){_TABLE}": (
        "shuts everybody out"
    ),
}


def long_locks(sql: str) -> Iterator[str]:
    """What a migration file would do to big tables, unless it gives its reason.

    A table that the same file creates is empty.
    """
    made = set(re.findall(r"^create table (?:if not exists )?(\w+)", sql, re.MULTILINE))
    for statement in split(sql):
        words = without_comments(statement)
        for table, why in _findings(words):
            if table in BIG and table not in made and not _is_excused(statement):
                yield f"`{words[:80]}` on the big table {table} {why}"


def _findings(words: str) -> Iterator[tuple[str, str]]:
    altered = re.match(rf"^alter table (?:if exists )?{_TABLE} (?P<rest>.*)$", words)
    if altered is not None:
        for pattern, why in _ALTERED.items():
            if re.search(pattern, altered["rest"]):
                yield altered["table"], why
    for pattern, why in _STATEMENTS.items():
        if found := re.match(pattern, words):
            yield found["table"], why


def _is_excused(statement: str) -> bool:
    reasons = re.findall(rf"^{EXCUSE}(.*)$", statement, re.MULTILINE)
    return any(len(reason.strip()) >= SHORTEST_REASON for reason in reasons)
