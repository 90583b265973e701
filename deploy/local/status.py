"""The status line: what the three processes say of themselves, put into words."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from deploy.local.probe import not_ready, samples

_STORED: Final = "cityvitals_ingest_readings_total"
_CHANGES: Final = "cityvitals_aggregator_indicator_changes_total"
_LAG: Final = "cityvitals_aggregator_log_lag_entries"
_BACKLOG: Final = "cityvitals_aggregator_backlog_stretches"


@dataclass(frozen=True, slots=True)
class Figures:
    """What was read at one moment.

    Attributes:
        at: seconds of a monotonic clock.
        readings: readings committed since ingest started, by outcome.
        changes: indicator values that changed since the aggregator started.
        lag: log entries and stretches of buckets that wait to be derived.
        ailing: what is not ready, and why, by process.
    """

    at: float
    readings: Mapping[str, float] = field(default_factory=dict)
    changes: float = 0.0
    lag: float = 0.0
    ailing: Mapping[str, str] = field(default_factory=dict)


async def read_figures(ports: Mapping[str, int]) -> Figures:
    """Ask the processes, all at the same time.

    Args:
        ports: health ports by process.
    """
    names = list(ports)
    (ingest, aggregate), reasons = await asyncio.gather(
        asyncio.gather(samples(ports["ingest"]), samples(ports["aggregate"])),
        asyncio.gather(*(not_ready(ports[name]) for name in names)),
    )
    return Figures(
        at=time.monotonic(),
        readings={
            name.removeprefix(f"{_STORED}."): value
            for name, value in ingest.items()
            if name.startswith(f"{_STORED}.")
        },
        changes=aggregate.get(_CHANGES, 0.0),
        lag=aggregate.get(_LAG, 0.0) + aggregate.get(_BACKLOG, 0.0),
        ailing={name: why for name, why in zip(names, reasons, strict=True) if why},
    )


def status_line(before: Figures, now: Figures, restarts: int) -> str:
    """One line: rates between two moments, totals, lag, and what is wrong.

    Args:
        before: an earlier moment.
        now: this moment.
        restarts: how often a part had to be started again.
    """
    seconds = max(now.at - before.at, 1e-9)
    # A restarted process counts from zero again: no rate is better than a negative one.
    rate = max(0.0, (sum(now.readings.values()) - sum(before.readings.values())) / seconds)
    changed = max(0.0, (now.changes - before.changes) / seconds)
    rejected = now.readings.get("rejected", 0.0)
    words = [
        f"{rate:,.0f} readings/s ({now.readings.get('stored', 0.0):,.0f} stored)",
        f"{changed:,.0f} indicators/s ({now.changes:,.0f})",
        f"lag {now.lag:,.0f}",
        f"errors {rejected + restarts:,.0f}" + _causes(rejected, restarts),
    ]
    words += [f"{name}: {why}" for name, why in now.ailing.items()]
    return " · ".join(words)


def _causes(rejected: float, restarts: int) -> str:
    causes = [f"{rejected:,.0f} readings rejected"] if rejected else []
    causes += [f"{restarts} restarts"] if restarts else []
    return f" ({', '.join(causes)})" if causes else ""
