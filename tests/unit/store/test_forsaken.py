"""Futures that nobody awaits: a lost connection is told in a line, anything else as ever."""

import asyncio
import gc
import logging

import asyncpg
import pytest
import structlog

from cityvitals.store.forsaken import tell_in_a_line


def forsake(error: Exception) -> list[str]:
    """Events that are logged where a future holds an error, and is collected."""

    async def main() -> None:
        tell_in_a_line()
        asyncio.get_running_loop().create_future().set_exception(error)
        gc.collect()

    with structlog.testing.capture_logs() as said:
        asyncio.run(main())
    return [one["event"] for one in said]


def test_a_lost_connection_is_told_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert forsake(asyncpg.ConnectionDoesNotExistError("gone")) == ["connection_lost"]
    assert "never retrieved" not in caplog.text


def test_anything_else_is_told_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert forsake(ValueError("a defect")) == []
    assert "never retrieved" in caplog.text
    assert "a defect" in caplog.text


def test_a_handler_of_another_is_left_alone() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        mine = lambda _loop, _context: None  # noqa: E731
        loop.set_exception_handler(mine)
        tell_in_a_line()
        assert loop.get_exception_handler() is mine

    asyncio.run(main())
