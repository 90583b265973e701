"""Runs of the state machine by seed.

`python -m tests.integration.exact.run --from 0 --runs 100`
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from pydantic import SecretStr

from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import open_pool
from cityvitals.store.server import create_database
from tests.conftest import prepare_template
from tests.integration.exact.machine import Exactness
from tests.integration.exact.world import World
from tests.servers import Background, PostgresServer

STEPS: Final = 60
"""Actions of a run, but for one in a thousand that ends earlier."""
BLOCK: Final = 25
"""Runs of one seed."""


@contextmanager
def stage(database: DatabaseSettings, counts: Counter[str]) -> Iterator[type[Exactness]]:
    """A machine on a database of its own, which every run empties."""
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        pool_of = open_pool(database, "tests")
        pool = runner.run(pool_of.__aenter__())
        try:
            # The server lives on, so what a crash of the server would lose is none of it.
            name = runner.run(pool.fetchval("select current_database()"))
            runner.run(pool.execute(f'alter database "{name}" set synchronous_commit = off'))
            runner.run(pool.expire_connections())

            class Here(Exactness):
                pass

            Here.runner, Here.counts = runner, counts
            Here.world = World(pool, database, Path(folder))
            yield Here
        finally:
            runner.run(pool_of.__aexit__(None, None, None))


def play(machine: type[Exactness], number: int, runs: int, steps: int = STEPS) -> None:
    """So many runs of a seed.

    Raises:
        AssertionError: verify found something; the seed is in the notes.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    chosen = settings(
        max_examples=runs,
        stateful_step_count=steps,
        # Shrinking takes minutes: `--shrink` does it, by the seed.
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(
            seed(number)(_named(machine, number)), settings=chosen, _min_steps=50
        )
    except BaseException as error:
        error.add_note(f"seed {number}, {runs} runs")
        raise


def _named(machine: type[Exactness], number: int) -> type[Exactness]:
    return type(f"{machine.__name__}{number}", (machine,), {})


def main() -> int:
    """Play a range of seeds and write down how often each action occurred."""
    asked = _asked()
    counts: Counter[str] = Counter(
        json.loads(asked.counts.read_text()) if asked.counts.exists() else {}
    )
    background = Background()
    server = PostgresServer(background)
    server.start()
    background.call(prepare_template(server))
    server.call(create_database(server.dsn("postgres"), "exact", "template_cityvitals"))
    failed = 0
    try:
        with stage(DatabaseSettings(dsn=SecretStr(server.dsn("exact"))), counts) as machine:
            for number in range(asked.first, asked.first + -(-asked.runs // BLOCK)):
                begun = time.monotonic()
                failed += not _played(machine, number)
                sys.stdout.write(f"seed {number}: {time.monotonic() - begun:.0f} s\n")
                sys.stdout.flush()
                asked.counts.write_text(json.dumps(counts))
    finally:
        server.discard()
        background.close()
    for name, count in counts.most_common():
        sys.stdout.write(f"{count:8} {name} {Exactness.spent[name]:.1f}\n")
    return min(failed, 1)


def _played(machine: type[Exactness], number: int) -> bool:
    try:
        play(machine, number, BLOCK)
    except Exception as error:  # noqa: BLE001 - whatever it was, the other seeds are played too
        sys.stdout.write(
            f"seed {number} FAILED: {error}\n" + "\n".join(getattr(error, "__notes__", [])) + "\n"
        )
        return False
    return True


def _asked() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="first", type=int, default=0, help="The first seed.")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--counts", type=Path, default=Path("build/exact.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
