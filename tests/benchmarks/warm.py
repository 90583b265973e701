"""`cityvitals up` where everything is set up, until it tells an indicator that is new."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deploy.local.broker import EmbeddedBroker
from deploy.local.clean import clean
from deploy.local.ports import free_port
from deploy.local.postgres import EmbeddedPostgres
from tests.acceptance.up_run import Ports, Run, running
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import Invalid

_CITY: Final = "vitalia"
"""The simulated one."""
_POLL_S: Final = 0.05
_LONGEST_S: Final = 120.0


def measure(results: Results, repeats: int) -> None:
    """`warm_start_s`: from the command to a value computed after it, by the clock.

    As `make up`, which does nothing else where all is set up. Before that comes a start that makes
    database and city, and is not counted.
    """
    say(f"  starting everything, {repeats} times")
    with _folder() as data:
        _until_live(data, "--history-hours", "1")
        results.put("warm_start_s", [_until_live(data) for _ in range(repeats)])
        taken = [asyncio.run(_servers(data)) for _ in range(repeats)]
        results.ceilings["servers_start_s"] = round(min(taken), 2)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cityvitals-warm-") as folder:
        Path(folder).chmod(0o711)  # ours: so that root's server can live in it
        data = Path(folder) / "var"
        yield data
        clean(data)


def _until_live(data: Path, *options: str) -> float:
    """Seconds from the start to the first new value; it is stopped afterwards."""
    begun_s, begun_at = time.monotonic(), datetime.now(UTC)
    with running(data, Ports(), *options) as run:
        while not _tells_since(run, begun_at):
            if run.process.poll() is not None:
                raise Invalid(f"it ended: {run.said()[-400:]}")
            if time.monotonic() - begun_s > _LONGEST_S:
                raise Invalid(f"no indicator within {_LONGEST_S:.0f} s")
            time.sleep(_POLL_S)
        taken_s = time.monotonic() - begun_s
        run.stop()
    return taken_s


def _tells_since(run: Run, when: datetime) -> bool:
    try:
        found = run.get(f"/v1/cities/{_CITY}/indicators")["items"]
    except OSError:  # nobody answers yet, or the city is not there yet
        return False
    return any(
        one["value"] is not None and datetime.fromisoformat(one["computed_at"]) > when
        for one in found
    )


async def _servers(data: Path) -> float:
    """Seconds that broker and database take alone, one after the other."""
    broker, postgres = EmbeddedBroker(data, free_port()), EmbeddedPostgres(data, free_port())
    begun_s = time.monotonic()
    try:
        await broker.start()
        await postgres.start()
        return time.monotonic() - begun_s
    finally:
        await broker.stop()
        await postgres.stop()
