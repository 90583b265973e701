"""Losses that asyncpg reports to nobody: told in a line, not by a traceback.

Where a connection ends just as a COPY begins, the copier is told by an error of its
own, and the future that holds the loss itself is awaited by nobody. asyncio would log it, whenever
it is collected, as an error with a traceback.
"""

import asyncio
from typing import Any, Final

import asyncpg
import structlog

_FORSAKEN: Final = "exception was never retrieved"


def tell_in_a_line() -> None:
    """Have the running loop do so, unless it has a handler of its own."""
    loop = asyncio.get_running_loop()
    if loop.get_exception_handler() is None:
        loop.set_exception_handler(_handle)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    lost = context.get("exception")
    if isinstance(lost, asyncpg.ConnectionDoesNotExistError) and _FORSAKEN in context["message"]:
        structlog.get_logger().info("connection_lost", reason=str(lost))
    else:
        loop.default_exception_handler(context)
