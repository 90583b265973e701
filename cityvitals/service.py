"""How a process runs: signals ask it to stop, its end becomes an exit code."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import structlog

from cityvitals.errors import CityVitalsError, SettingsError

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_SETTINGS: Final = 2


def run_service(main: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run a process until it ends or is asked to stop; returns its exit code.

    SIGTERM or SIGINT sets the event that `main` gets; a second one cancels it where it stands.

    Args:
        main: everything the process does; it returns after the event is set and work is put away.
    """
    try:
        asyncio.run(_run(main))
    except Exception as error:  # noqa: BLE001 (the outermost place: told, and an exit code)
        return told(error)
    except asyncio.CancelledError:
        sys.stderr.write("cityvitals: stopped in the middle of its work by a second signal\n")
        return EXIT_FAILED
    return EXIT_OK


def told(error: BaseException) -> int:
    """Print our own errors as one line each, log any other whole; returns the exit code.

    Raises:
        BaseException: the error itself, where any part of it is not ours and there is no log yet.
    """
    leaves = list(_leaves(error))
    if not all(isinstance(leaf, CityVitalsError) for leaf in leaves):
        if not structlog.is_configured():
            raise error
        structlog.get_logger().critical("died of an unexpected error", exc_info=error)
        return EXIT_FAILED
    for line in dict.fromkeys(" ".join(str(leaf).split()) for leaf in leaves):
        sys.stderr.write(f"cityvitals: {line}\n")
    wrong_settings = any(isinstance(leaf, SettingsError) for leaf in leaves)
    return EXIT_SETTINGS if wrong_settings else EXIT_FAILED


async def _run(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    task = asyncio.ensure_future(main(stop))

    def ask() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in _STOPPING:
        loop.add_signal_handler(number, ask)
    try:
        await task
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
