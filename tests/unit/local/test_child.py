"""Children end when they are told to, however they behave, and are found when left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cityvitals.errors import SettingsError
from deploy.local.child import Child, Program, data_folder, end_leftovers
from deploy.local.claim import claimed

STUBBORN = (
    "import signal, time, sys\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "while True: time.sleep(60)\n"
)
ENVIRONMENT = {"PATH": os.defpath}


def _program(code: str, seconds: float = 0.3) -> Program:
    stop = ((signal.SIGTERM, seconds),)
    return Program("part", [sys.executable, "-c", code], ENVIRONMENT, stop)


async def _until_it_says(child: Child, text: str) -> None:
    async with asyncio.timeout(20):
        while text not in child.last_words():  # noqa: ASYNC110 (another process says it)
            await asyncio.sleep(0.01)


def test_exit_code_and_last_words_are_known(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = Child(_program("print('one'); print('two'); raise SystemExit(3)"), tmp_path)
        await child.start()
        assert await child.ended() == 3
        assert child.last_words() == "one / two"
        await child.stop()

    asyncio.run(scenario())


def test_one_that_ignores_the_signal_is_killed_with_what_it_started(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = Child(
            _program(f"import subprocess as s, sys\ns.Popen(['sleep', '60'])\n{STUBBORN}"), tmp_path
        )
        await child.start()
        await _until_it_says(child, "deaf")
        assert child.pid is not None
        family = [psutil.Process(child.pid), *psutil.Process(child.pid).children()]
        assert len(family) == 2
        await child.stop()
        assert not psutil.wait_procs(family, 10)[1]
        assert not list((tmp_path / "run").iterdir())

    asyncio.run(scenario())


def test_what_an_earlier_run_left_is_ended(tmp_path: Path) -> None:
    async def left() -> Child:
        child = Child(_program("import time; time.sleep(60)"), tmp_path)
        await child.start()
        return child

    child = asyncio.run(left())
    assert end_leftovers(tmp_path) == ["part"]
    asyncio.run(child.stop())
    assert end_leftovers(tmp_path) == []


def test_a_number_that_went_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        folder = data_folder(tmp_path / "run")
        (folder / "part.pid").write_text(f"{other.pid} 12345.67\n")
        (folder / "torn.pid").write_text("")
        assert end_leftovers(tmp_path) == []
        assert other.poll() is None
        assert not list(folder.iterdir())
        other.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's death")
def test_it_ends_with_the_one_who_started_it(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys, time; from pathlib import Path\n"
        "from deploy.local.child import Child, Program\n"
        "child = Child(Program('part', ['sleep', '60'], {'PATH': os.defpath}), Path(sys.argv[1]))\n"
        "asyncio.run(child.start()); print(child.pid, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        orphan = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    orphan.wait(10)


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(SettingsError, match=f"by process {os.getpid()}")
    with claimed(tmp_path), refused, claimed(tmp_path):
        pass
    with claimed(tmp_path):
        pass
