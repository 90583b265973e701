"""One cycle of all live rules over a thousand zones, and what a series costs in memory."""

import asyncio
import gc
import math
import resource
import subprocess
import sys
import time
import tracemalloc
from typing import Any, Final

import numpy as np

from aggregator.deriving import Deriving, Time
from aggregator.judge import Judge
from aggregator.outputs import Outputs, Written
from aggregator.tuning import tune
from aggregator.warmup import warm_up
from cityvitals.store import derived
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Connection
from tests.benchmarks.metropolis import CITY, Metropolis
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import Stack

ZONES: Final = 1000
DATABASE: Final = "cycle"
_SERIES_MEASURED: Final = 200
_START: Final = """
from aggregator.warmup import warm_up
from kpi_rules.load import load_all
from aggregator import main
load_all(None)
warm_up()
"""


def cycle(city: Metropolis) -> tuple[float, Outputs, Written]:
    """CPU seconds of one cycle in which every series has said something, and what came of it.

    Counted: which windows changed and are to be derived, their buckets folded from memory, rules
    evaluated, states judged, compared with what was said before, rows and JSON made. Not counted:
    folding readings into the open buckets, and the transaction.
    """
    changed, out, nobody = city.say(), Outputs(), _nobody()
    begun = time.process_time()
    judge = Judge(city.shard, city.settings, city.now_us)
    deriving = Deriving(city.shard, judge, city.extents, time.monotonic)
    deriving.note(*changed.keys())
    asyncio.run(deriving.live(nobody, Time(math.inf), out, hourly=True))
    asyncio.run(deriving.live(nobody, Time(math.inf), out, hourly=False))
    made = out.written()
    return time.process_time() - begun, out, made


def _nobody() -> Any:
    """No connection: nothing is asked of the store where all is known."""
    return None


async def measure(stack: Stack, results: Results, repeats: int) -> None:
    """`rules_cycle_ms`, and beside it what the transaction takes that writes such a cycle."""
    say(f"  all live rules over {ZONES:,} zones, {repeats} cycles")
    warm_up()
    tune()
    city, taken, written = Metropolis(ZONES), [], []
    async with stack.database(DATABASE) as pool, pool.acquire() as connection:
        await connection.execute(
            "insert into city (id, name, time_zone, shard) values ($1, $1, 'Europe/Vienna', 0)",
            CITY,
        )
        for _ in range(repeats + 1):
            seconds, out, made = await asyncio.to_thread(cycle, city)
            taken.append(seconds * 1000)
            written.append(await _write(connection, out, made) * 1000)
    # What is derived first finds nothing said before.
    results.put("rules_cycle_ms", taken[1:])
    results.ceilings["rules_cycle_write_ms"] = round(float(np.median(written[1:])), 1)
    results.ceilings["rules_cycle_copied_ms"] = round(_copied_s(made) * 1000, 2)
    results.ceilings["rules_cycle_indicators"] = out.count
    results.ceilings["rules_cycle_series"] = len(city.shard.table)


def _copied_s(made: Written) -> float:
    """CPU seconds of writing a cycle's rows and JSON into memory once more."""
    pieces = [*made.kept, *made.latest, *made.changes]
    begun = time.process_time()
    b"".join(pieces)
    return time.process_time() - begun


async def _write(connection: Connection, out: Outputs, made: Written) -> float:
    """Seconds by the clock of a transaction, the server's work included."""
    await Partitions("indicator").ensure(connection, made.begins)
    begun = time.monotonic()
    async with connection.transaction():
        await derived.write_indicators(connection, made.kept, made.latest)
        await derived.write_changes(connection, made.changes, out.numbers)
    return time.monotonic() - begun


def measure_memory(results: Results) -> None:
    """`state_bytes_per_series`: what the aggregator holds more for more zones."""
    say("  memory of a series")
    held = []
    for zones in (_SERIES_MEASURED, 2 * _SERIES_MEASURED):
        gc.collect()
        tracemalloc.start()
        city = Metropolis(zones)
        cycle(city)
        gc.collect()
        held.append((tracemalloc.get_traced_memory()[0], len(city.shard.table)))
        state = city.shard.buckets.state.itemsize
        ring = city.shard.buckets.cells[0].nbytes
        tracemalloc.stop()
        del city
    (less, fewer), (more, many) = held
    results.put("state_bytes_per_series", [float(state + ring)])
    results.ceilings["state_bytes_open_bucket"] = state
    results.ceilings["state_bytes_ring"] = ring
    results.ceilings["process_bytes_per_series"] = round((more - less) / (many - fewer))


def measure_start(results: Results, repeats: int) -> None:
    """`aggregator_start_s`: CPU time until rules and kernels are there, the latter cached."""
    say("  starting the aggregator's rules and kernels")
    taken = [_cpu_of(_START) for _ in range(repeats + 1)]
    results.put("aggregator_start_s", taken[1:])
    numba = [_cpu_of("import numba") for _ in range(repeats)]
    results.ceilings["import_numba_s"] = round(min(numba), 3)


def _cpu_of(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
