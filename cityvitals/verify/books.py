"""The books: ledger, commit log, change numbers. Each must be right in itself. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from cityvitals.store.audit import AuditCity, LedgerRow, LogRow, Stretch
from cityvitals.verify.report import Findings

LEDGER: Final = "ledger"
LOG: Final = "commit log"
CHANGES: Final = "change"


def check_ledger(
    city: AuditCity, rows: Iterable[LedgerRow], readings: int, revisions: int, out: Findings
) -> None:
    """Check that every reading received became exactly one thing, and that the store has it.

    Args:
        city: whose books; below its seal readings are gone, so that counts are upper bounds.
        rows: all its books.
        readings: how many readings of it are stored.
        revisions: how many values stand beside current ones.
        out: takes the findings.
    """
    rows = list(rows)
    for row in rows:
        key = f"{city.id} {row.gateway} by {row.lane}"
        became = row.stored + row.duplicate + row.revised + row.rejected
        out.check(LEDGER, key, "received", row.received, became)
    stored, revised = sum(row.stored for row in rows), sum(row.revised for row in rows)
    if city.sealed_us > _sealed_never():
        readings, revisions = max(readings, stored), max(revisions, revised)
    out.check(LEDGER, city.id, "stored (reading)", stored, readings)
    out.check(LEDGER, city.id, "revised (reading_revision)", revised, revisions)


def _sealed_never() -> int:
    """The seal of a city that dropped nothing: the first instant that can be named."""
    return -62_135_596_800_000_000


def check_log(row: LogRow, out: Findings) -> None:
    """Check one lane's entries: no gap, none beyond what was allocated, none lost unread."""
    key = f"shard {row.shard} lane {row.lane}"
    held = row.last - row.first + 1 if row.rows else 0
    out.check(LOG, key, "entries", row.rows, held)
    last = row.last if row.rows else row.cursor
    out.check(LOG, key, "last entry", last, row.next_seq - 1)
    out.check(LOG, key, "cursor beyond the last entry", row.cursor >= row.next_seq, expected=False)
    unread = row.rows > 0 and row.first > row.cursor + 1
    out.check(LOG, key, "entries dropped before they were read", unread, expected=False)


def waiting(rows: Iterable[LogRow], shard: int) -> int:
    """How many entries of a shard its owner has not taken yet."""
    return sum(max(row.next_seq - 1 - row.cursor, 0) for row in rows if row.shard == shard)


class Busy(NamedTuple):
    """What a shard's owner has still to do of what it has taken.

    Attributes:
        waiting: windows to derive: meanwhile rows of open ones are behind, and others are missing.
        ended: windows that become final once they are quiet: long ones may have no row until then.
    """

    waiting: int = 0
    ended: int = 0


def busy(rows: Iterable[LogRow], shard: int) -> Busy:
    """What the owner of a shard has still to do."""
    return next((Busy(row.waiting, row.ended) for row in rows if row.shard == shard), Busy())


def check_changes(
    city: AuditCity, held: Stretch, doubled: Iterable[tuple[int, int]], out: Findings
) -> None:
    """Check that a city's changes are numbered without gap or double."""
    rows = held.last - held.first + 1 if held.rows else 0
    out.check(CHANGES, city.id, "entries", held.rows, rows)
    last = held.last if held.rows else city.change_number
    out.check(CHANGES, city.id, "last number", last, city.change_number)
    for number, count in doubled:
        out.check(CHANGES, f"{city.id} {number}", "revisions with this number", count, 1)
