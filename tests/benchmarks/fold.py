"""The streaming fold against duckdb and polars computing the same statistics on the same arrays."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd
import polars as pl
from numba import njit
from numpy.typing import NDArray

from aggregator.columns import Declared, fresh_state
from aggregator.kernels.fold import fold_stream, order_by_row
from aggregator.kernels.partial import BUCKET
from cityvitals.domain.arrays import ROLLUP, Records
from cityvitals.domain.times import US
from tests.benchmarks.city import SERIES, STEP_US
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import Invalid

_READINGS: Final = 5_000_000
BATCH: Final = 100_000
"""As many as a cycle of the aggregator takes."""
_HOLD_US: Final = 15 * US
_BEGIN_US: Final = 1_763_856_000 * US
_MANY: Final = 1_000_000

Taken = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Readings:
    """Batches in the order in which the aggregator gets them; each sorted by (series, time)."""

    t: NDArray[np.int64]
    v: NDArray[np.float64]
    series: NDArray[np.int64]
    count: int

    def batches(self) -> list[slice]:
        """Where each batch stands."""
        return [slice(at, at + BATCH) for at in range(0, len(self.t), BATCH)]


def make(series: int, readings: int = _READINGS) -> Readings:
    """Five million gauge readings of so many series, jittered within steps of ten seconds."""
    drawn = np.random.default_rng(series)
    steps = readings // series
    t = (
        _BEGIN_US
        + np.arange(steps)[:, None] * STEP_US
        + drawn.integers(0, STEP_US, (steps, series))
    )
    rows = np.broadcast_to(np.arange(series), t.shape)
    v = drawn.uniform(10, 40, readings)
    rows, t = np.ascontiguousarray(rows).reshape(-1), t.reshape(-1)
    for at in range(0, readings, BATCH):
        part = slice(at, at + BATCH)
        order = np.lexsort((t[part], rows[part]))
        rows[part], t[part] = rows[part][order], t[part][order]
    return Readings(t, v, rows, series)


def measure(results: Results, repeats: int, wanted: set[str]) -> None:
    """`fold_readings_per_s` and its ratios, and the same with a million series."""
    if wanted & {"fold_readings_per_s", "fold_vs_duckdb", "fold_vs_polars"}:
        readings = make(SERIES)
        with results.counting("fold_readings_per_s", "fold_vs_duckdb", "fold_vs_polars"):
            say(f"  folding {_READINGS:,} readings of {SERIES:,} series, {repeats} times")
            _against_others(results, readings, repeats)
        results.ceilings["fold_with_sort_readings_per_s"] = _sorting(readings)
    if "fold_readings_per_s_1m" in wanted:
        say(f"  folding {_READINGS:,} readings of {_MANY:,} series, {repeats} times")
        many = make(_MANY)
        results.put("fold_readings_per_s_1m", [_READINGS / fold(many)[0] for _ in range(repeats)])
        results.ceilings["touch_readings_per_s_1m"] = _touched(many, repeats)


def _against_others(results: Results, readings: Readings, repeats: int) -> None:
    fold(readings)
    table = columns(readings)
    database = duckdb.connect()
    database.register("given", as_pandas(table))
    database.execute("create table reading as select * from given")
    ours, ducks, bears = [], [], []
    for _ in range(repeats):
        taken_s, closed, _ = fold(readings)
        ours.append(_READINGS / taken_s)
        taken_s, of_duckdb = _timed(lambda: pl.DataFrame(database.execute(DUCKDB_SQL).fetchnumpy()))
        ducks.append(_READINGS / taken_s)
        taken_s, of_polars = _timed(lambda: by_polars(table))
        bears.append(_READINGS / taken_s)
    compare(closed, of_duckdb, "duckdb")
    compare(closed, of_polars, "polars")
    results.put("fold_readings_per_s", ours)
    results.ceilings["touch_readings_per_s"] = _touched(readings, repeats)
    results.put("fold_vs_duckdb", [one / other for one, other in zip(ours, ducks, strict=True)])
    results.put("fold_vs_polars", [one / other for one, other in zip(ours, bears, strict=True)])
    results.ceilings["duckdb_readings_per_s"] = float(np.median(ducks))
    results.ceilings["polars_readings_per_s"] = float(np.median(bears))


def as_pandas(table: pl.DataFrame) -> pd.DataFrame:
    """The same arrays, in what duckdb reads without further packages."""
    return pd.DataFrame({name: table[name].to_numpy() for name in table.columns})


def _timed(work: Callable[[], pl.DataFrame]) -> tuple[float, pl.DataFrame]:
    begun_s = time.perf_counter()
    found = work()
    return time.perf_counter() - begun_s, found


def _declared(count: int) -> Declared:
    """Declaration tables of so many gauges."""
    zero, none = np.zeros(count, np.int8), np.zeros(count, np.int64)
    holds = np.full(count, _HOLD_US)
    return Declared(
        zero, zero.copy(), none, holds, holds.copy(), np.zeros(count), np.full(count, np.inf)
    )


def fold(readings: Readings) -> tuple[float, Records, Records]:
    """Seconds that folding all batches takes; the closed buckets, and what is open."""
    declared = _declared(readings.count)
    state = fresh_state(readings.count)
    bad, late = np.zeros(BATCH, np.bool_), np.zeros(BATCH, np.bool_)
    out = np.zeros(2 * BATCH + readings.count, ROLLUP)
    taken_s, closed = 0.0, []
    for part in readings.batches():
        t, v, series = readings.t[part], readings.v[part], readings.series[part]
        begun_s = time.perf_counter()
        count = fold_stream(t, v, series, bad, series, declared, state, out, late)
        taken_s += time.perf_counter() - begun_s
        closed.append(out[:count].copy())
    if late.any():
        raise Invalid("the fold calls readings late that are in order")
    found = np.concatenate(closed)
    if found["count"].sum() + state["count"].sum() != len(readings.t):
        raise Invalid("the fold lost readings")
    return taken_s, found, state


def fold_seconds(count: int) -> float:
    """Seconds that folding so many readings of the load's series takes, in a cycle's batches."""
    return fold(make(SERIES, count))[0]


@njit(cache=True)
def _touch(t: Any, v: Any, series: Any, state: Any) -> None:
    for at in range(len(t)):
        one = state[series[at]]
        one[0] += v[at]
        one[1] = t[at]


def _touched(readings: Readings, repeats: int) -> float:
    """Readings a second where each is but read, and its series' memory written: the best of all."""
    best_s, state = float("inf"), np.zeros((readings.count, 8))
    for _ in range(repeats + 1):  # the first may compile
        taken_s = 0.0
        for part in readings.batches():
            begun_s = time.perf_counter()
            _touch(readings.t[part], readings.v[part], readings.series[part], state)
            taken_s += time.perf_counter() - begun_s
        best_s = min(best_s, taken_s)
    return len(readings.t) / best_s


def _sorting(readings: Readings) -> float:
    """Readings a second of sorting and folding: batches come in order of time."""
    declared = _declared(readings.count)
    state = fresh_state(readings.count)
    bad, late = np.zeros(BATCH, np.bool_), np.zeros(BATCH, np.bool_)
    out = np.zeros(2 * BATCH + readings.count, ROLLUP)
    order = np.empty(BATCH, np.int64)
    taken_s = 0.0
    for part in readings.batches():
        arrived = np.argsort(readings.t[part], kind="stable")
        t, v, series = (
            column[part][arrived] for column in (readings.t, readings.v, readings.series)
        )
        begun_s = time.perf_counter()
        order_by_row(series, t, readings.count, order)
        t, v, series = t[order], v[order], series[order]
        fold_stream(t, v, series, bad, series, declared, state, out, late)
        taken_s += time.perf_counter() - begun_s
    return _READINGS / taken_s


def columns(readings: Readings) -> pl.DataFrame:
    """The arrays with what costs the others most done for them: how long each sample holds."""
    order = np.lexsort((readings.t, readings.series))
    t, series = readings.t[order], readings.series[order]
    until = np.append(t[1:], 2**62)
    until[np.append(series[1:] != series[:-1], [True])] = 2**62
    held = np.empty(len(t))
    held[order] = (np.minimum(until, t + _HOLD_US) - t) * 1e-6
    return pl.DataFrame({"t": readings.t, "v": readings.v, "series": readings.series, "held": held})


DUCKDB_SQL: Final = f"""
select series, t // {BUCKET} * {BUCKET} as bucket, count(*) as count, sum(v) as sum,
       sum(v * v) as sumsq, min(v) as min, max(v) as max, min(t) as first_t, max(t) as last_t,
       arg_min(v, t) as first_v, arg_max(v, t) as last_v,
       sum(v * held) as integral, sum(held) as covered
from reading group by all
"""  # noqa: S608 (numbers of our own)


def by_polars(table: pl.DataFrame) -> pl.DataFrame:
    """The buckets by polars, lazily, on all cores."""
    v, t, held = pl.col("v"), pl.col("t"), pl.col("held")
    return (
        table.lazy()
        .group_by("series", (t // BUCKET * BUCKET).alias("bucket"))
        .agg(
            pl.len().alias("count"),
            v.sum().alias("sum"),
            (v * v).sum().alias("sumsq"),
            v.min().alias("min"),
            v.max().alias("max"),
            t.first().alias("first_t"),
            t.last().alias("last_t"),
            v.first().alias("first_v"),
            v.last().alias("last_v"),
            (v * held).sum().alias("integral"),
            held.sum().alias("covered"),
        )
        .collect()
    )


def compare(closed: Records, found: pl.DataFrame, who: str) -> None:
    """Both sides must have computed the same, as far as no sample held into the next bucket.

    Raises:
        Invalid: they did not.
    """
    names = ("count", "sum", "sumsq", "min", "max", "first_t", "last_t", "first_v", "last_v")
    ours = pl.DataFrame({name: closed[name] for name in ("series", "bucket", *names)})
    ours = ours.cast({"series": pl.Int64})
    joined = ours.join(
        found.cast({"series": pl.Int64, "bucket": pl.Int64}),
        on=["series", "bucket"],
        suffix="_other",
    )
    if len(joined) != len(ours):
        raise Invalid(f"{who} has not the buckets that the fold has")
    for name in names:
        other = joined[f"{name}_other"].to_numpy()
        if not np.allclose(joined[name].to_numpy(), other, rtol=1e-9, atol=0):
            raise Invalid(f"{who} and the fold differ in {name}")
