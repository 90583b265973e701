"""Recomputing in parallel: pieces go to processes, what is wrong to the owner; then a report."""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

import structlog

from aggregator.loading import extend_by_said
from aggregator.recompute.found import Asked, Piece, PieceFound, report, summed
from aggregator.recompute.handing import hand_over
from aggregator.recompute.job import Done, Job, file_of, question
from aggregator.recompute.piece import is_asked, months, recompute
from cityvitals.domain.names import shard_of
from cityvitals.domain.times import BUCKET_US
from cityvitals.errors import NotFound
from cityvitals.settings import Settings
from cityvitals.store import derived
from cityvitals.store.audit import open_audit
from cityvitals.store.migrate import require_current
from cityvitals.store.pool import ENDLESS, Connection, Pool, application, open_pool
from kpi_rules.load import load_all
from kpi_rules.model import Rule
from kpi_rules.rulebook import StoredRule, settle

_NICE: Final = 10
"""Recomputing is nobody's hurry: live work goes first."""
_PAUSE_S: Final = 1.0
CANCELLED: Final = 130


@dataclass(frozen=True, slots=True)
class Options:
    """How to go about it.

    Attributes:
        processes: how many pieces at a time.
        anew: begin anew, whatever an earlier run has done.
        waits: until the owner has done what was wrong.
        as_json: print the report as JSON.
    """

    processes: int
    anew: bool = False
    waits: bool = True
    as_json: bool = False


def run(settings: Settings, asked: Asked, options: Options) -> int:
    """Recompute, and print the report; 0 when all is right, 130 when cancelled.

    Raises:
        CityVitalsError: the store is away, there is no such city, or no rule is meant.
    """
    rules, pieces = asyncio.run(_plan(settings, asked))
    text = question(asked, [(one.id, one.revision) for one in rules if is_asked(one.id, asked)])
    path = file_of(settings.data, text)
    if options.anew:
        path.unlink(missing_ok=True)
    job = Job.take_up(path, text)
    if job.pieces:
        _tell(f"taking up where it was left: {len(job.pieces)} of {len(pieces)} pieces")
    try:
        with _processes(settings, asked, options.processes) as pool:
            _before(pool, settings, pieces, job, path)
            if options.waits:
                _after(pool, pieces, job, path)
    except KeyboardInterrupt:
        _tell(f"cancelled: {len(job.pieces)} of {len(pieces)} pieces are done; ask again to go on")
        return CANCELLED
    found = [job.pieces[one.key].before for one in pieces]
    if options.waits:
        path.unlink(missing_ok=True)
    _print(found, as_json=options.as_json)
    return 0


def _print(found: Sequence[PieceFound], *, as_json: bool) -> None:
    text = json.dumps(summed(found)) if as_json else "\n".join(report(found))
    sys.stdout.write(text + "\n")


async def _plan(settings: Settings, asked: Asked) -> tuple[tuple[Rule, ...], list[Piece]]:
    async with open_pool(settings.database, application("recompute"), ENDLESS) as pool:
        async with pool.acquire() as connection:
            await require_current(connection)
        rules = await _in_force(pool, settings)
        if asked.rules and not any(is_asked(one.id, asked) for one in rules):
            raise NotFound(f"no rule that is in force is called {' or '.join(asked.rules)}")
        async with open_audit(pool) as audit:
            cities = [one.id for one in await audit.cities() if asked.city in {None, one.id}]
            series = {city: [one.id for one in await audit.series_alone(city)] for city in cities}
        if asked.city is not None and not cities:
            raise NotFound(f"there is no city {asked.city!r} in this database")
        pieces: list[Piece] = []
        async with pool.acquire() as connection:
            for city in cities:
                first, end = await _reach(connection, city, series[city])
                pieces += months(city, max(first, asked.from_us), min(end, asked.to_us))
    return rules, pieces


async def _reach(connection: Connection, city: str, series: list[int]) -> tuple[int, int]:
    """Where a city's history begins and ends, as its owner knows it; empty where there is none."""
    stored = await derived.read_rollup_range(connection, series)
    extents = {} if stored is None else {city: (stored[0], stored[1] + BUCKET_US)}
    said = await derived.read_said_range(connection, shard_of(city))
    extend_by_said(extents, {one: reach for one, reach in said.items() if one == city})
    return extents.get(city, (0, 0))


async def _in_force(pool: Pool, settings: Settings) -> tuple[Rule, ...]:
    async with pool.acquire() as connection:
        stored = [StoredRule(*row) for row in await derived.read_stored_rules(connection)]
    book = settle(load_all(settings.aggregator.rules), stored, settings.aggregator.only)
    return book.rules


def _before(
    pool: ProcessPoolExecutor, settings: Settings, pieces: list[Piece], job: Job, path: Path
) -> None:
    """Compare all pieces that are not; then hand over what is wrong in them.

    Not each at once: its owner does a rule's stretches as one, with what lies between them, and
    what it has put right before it is compared would be missing in the report.
    """
    for piece, found in _compared(pool, job.left(pieces)):
        job.pieces[piece.key] = Done(found, right=found.is_right)
        job.keep(path)
        _tell(f"{len(job.pieces)} of {len(pieces)}: {piece.key}: {_said(found)}")
    for piece in job.waiting(pieces):
        if not job.pieces[piece.key].handed:
            asyncio.run(_handed(settings, piece, job.pieces[piece.key].before))
            job.pieces[piece.key].handed = True
            job.keep(path)


def _said(found: PieceFound) -> str:
    wrong = sum(one.changed + one.new for one in found.rules.values())
    right = sum(one.equal for one in found.rules.values())
    return f"{right} windows are right, {wrong} are not" if wrong else f"{right} are right"


async def _handed(settings: Settings, piece: Piece, found: PieceFound) -> None:
    async with (
        open_pool(settings.database, application("recompute")) as pool,
        pool.acquire() as connection,
    ):
        await hand_over(connection, piece, found)


def _after(pool: ProcessPoolExecutor, pieces: list[Piece], job: Job, path: Path) -> None:
    """Look again until the owner has done all of it."""
    while waiting := job.waiting(pieces):
        time.sleep(_PAUSE_S)
        for piece, found in _compared(pool, waiting):
            if found.is_right:
                job.pieces[piece.key].right = True
                job.keep(path)
                _tell(f"{piece.key}: done anew by its owner")


def _compared(
    pool: ProcessPoolExecutor, pieces: Sequence[Piece]
) -> Iterator[tuple[Piece, PieceFound]]:
    doing: dict[Future[PieceFound], Piece] = {pool.submit(_compare, one): one for one in pieces}
    try:
        for future in as_completed(doing):
            yield doing[future], future.result()
    finally:
        for future in doing:
            future.cancel()


def _processes(settings: Settings, asked: Asked, count: int) -> ProcessPoolExecutor:
    context = get_context("spawn")
    return ProcessPoolExecutor(count, context, _begin, (settings, asked))


_compare_one: Callable[[Piece], PieceFound] | None = None


def _begin(settings: Settings, asked: Asked) -> None:
    """Make a process ready for pieces."""
    global _compare_one  # noqa: PLW0603 - a process of the pool has no other place
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who cancels is the parent
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(_NICE)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    loaded = load_all(settings.aggregator.rules)

    async def compare(piece: Piece) -> PieceFound:
        async with (
            open_pool(settings.database, application("recompute piece"), ENDLESS) as pool,
            pool.acquire() as connection,
        ):
            stored = [StoredRule(*row) for row in await derived.read_stored_rules(connection)]
            rules = settle(loaded, stored, settings.aggregator.only).rules
            now_us = time.time_ns() // 1000
            return await recompute(connection, piece, rules, asked, settings.aggregator, now_us)

    _compare_one = lambda piece: asyncio.run(compare(piece))  # noqa: E731


def _end_with_parent() -> None:
    """A parent that was killed told nobody."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _compare(piece: Piece) -> PieceFound:
    assert _compare_one is not None  # noqa: S101 - the pool has begun
    return _compare_one(piece)


def _tell(text: str) -> None:
    sys.stderr.write(f"recompute: {text}\n")
    sys.stderr.flush()
