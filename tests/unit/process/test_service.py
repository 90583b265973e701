"""Signals ask a process to stop; its end is an exit code and, where it failed, one line."""

import asyncio
import os
import signal

import pytest

from cityvitals.errors import SettingsError, UnfitServer
from cityvitals.service import run_service


def test_an_end_of_its_own_is_exit_code_0() -> None:
    async def main(_stop: asyncio.Event) -> None:
        await asyncio.sleep(0)

    assert run_service(main) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_event(number: signal.Signals) -> None:
    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(10):
            await stop.wait()

    assert run_service(main) == 0


def test_a_second_signal_cancels(capsys: pytest.CaptureFixture[str]) -> None:
    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)

    assert run_service(main) == 1
    assert "second signal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(SettingsError("a setting\nis wrong"), 2), (UnfitServer("no fsync"), 1)]
)
def test_our_errors_are_one_line_even_out_of_a_group(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        raise error

    async def main(_stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    assert run_service(main) == code
    assert capsys.readouterr().err == f"cityvitals: {' '.join(str(error).split())}\n"


def test_a_bug_is_shown_whole() -> None:
    async def main(_stop: asyncio.Event) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_service(main)
