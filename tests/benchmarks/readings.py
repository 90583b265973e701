"""Readings by the million, made where they are needed: as sensors send, or as the load does."""

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np

from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.times import US

Kind = Literal["sensor", "load"]
"""`sensor`: a tenth of a unit, wandering, half a second of jitter. `load`: as the load generator,
five random decimals, anywhere within the step."""

STEP_US: Final = 10 * US
_BLOCK_STEPS: Final = 50
_JITTER_US: Final = US // 2
_LATENCY_US: Final = 50_000
"""From being observed to being received, in the median."""


def blocks(kind: Kind, series: int, steps: int, begin_us: int) -> Iterator[Records]:
    """READING records of `steps` readings of each series, in blocks that are sorted by time.

    Args:
        kind: what values and stamps are like.
        series: how many; their ids count from 1.
        steps: readings of each, ten seconds apart.
        begin_us: of the first step, microseconds since 1970 UTC.
    """
    drawn = np.random.default_rng(4)
    phase = drawn.integers(0, STEP_US, series)
    level = drawn.uniform(5, 35, series)
    for first in range(0, steps, _BLOCK_STEPS):
        count = min(_BLOCK_STEPS, steps - first)
        shape = (count, series)
        at = begin_us + (first + np.arange(count))[:, None] * STEP_US
        if kind == "sensor":
            t_us = at + phase + drawn.integers(0, _JITTER_US, shape)
            wandered = level + np.cumsum(drawn.normal(0, 0.03, shape), axis=0)
            level = wandered[-1]
            value = np.round(wandered + drawn.normal(0, 0.03, shape), 1)
        else:
            t_us = at + drawn.integers(0, STEP_US, shape)
            value = drawn.integers(1_000_000, 4_000_000, shape) / 100_000
        yield _records(t_us, value, drawn)


def _records(
    t_us: "np.ndarray[tuple[int, int], np.dtype[np.int64]]",
    value: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    drawn: np.random.Generator,
) -> Records:
    rows = np.zeros(t_us.size, READING)
    rows["t"], rows["v"] = t_us.reshape(-1), value.reshape(-1)
    latency = drawn.lognormal(np.log(_LATENCY_US), 0.5, rows.size)
    rows["received"] = rows["t"] + latency.astype(np.int64)
    rows["series"] = np.broadcast_to(np.arange(t_us.shape[1]) + 1, t_us.shape).reshape(-1)
    return rows[np.argsort(rows["t"], kind="stable")]
