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
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

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

T = TypeVar("T")

STEPS: Final = 52
"""Actions of a run, but for one in a thousand that ends earlier."""


class _AtOnce(ThreadPoolExecutor):
    """Does in this thread what is meant for another one."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """What it came to."""
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - raised where the result is asked for
            done.set_exception(error)
        return done


@contextmanager
def stage(database: DatabaseSettings, counts: Counter[str]) -> Iterator[type[Exactness]]:
    """A machine on a database of its own, which every run empties."""
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        # Nothing here happens at one time, and a change of threads takes as long as a kernel.
        runner.get_loop().set_default_executor(_AtOnce())
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


def play(machine: type[Exactness], number: int, *, shrinks: bool = False) -> None:
    """The run of a seed: the same each time, as long as the machine is not changed.

    Args:
        machine: where it plays.
        number: the seed.
        shrinks: whether to look for the fewest actions that fail, which takes minutes.

    Raises:
        AssertionError: verify found something; the seed is in the notes.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    chosen = settings(
        max_examples=1,  # what Hypothesis makes of a run by mutation repeats most of it
        stateful_step_count=STEPS,
        phases=(Phase.generate, Phase.shrink) if shrinks else (Phase.generate,),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(
            seed(number)(_named(machine, number)), settings=chosen, _min_steps=50
        )
    except BaseException as error:
        error.add_note(f"again: python -m tests.integration.exact.run --from {number} --runs 1")
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
            for number in range(asked.first, asked.first + asked.runs):
                begun = time.monotonic()
                failed += not _played(machine, number, shrinks=asked.shrink)
                sys.stdout.write(f"seed {number}: {time.monotonic() - begun:.1f} s\n")
                sys.stdout.flush()
                asked.counts.write_text(json.dumps(counts))
    finally:
        server.discard()
        background.close()
    for name, count in counts.most_common():
        sys.stdout.write(f"{count:8} {name} {Exactness.spent[name]:.1f}\n")
    return min(failed, 1)


def _played(machine: type[Exactness], number: int, *, shrinks: bool) -> bool:
    try:
        play(machine, number, shrinks=shrinks)
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
    parser.add_argument("--shrink", action="store_true", help="Look for the fewest actions.")
    parser.add_argument("--counts", type=Path, default=Path("build/exact.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
