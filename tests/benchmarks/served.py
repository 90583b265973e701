"""What the API serves while ingest runs at a third of its fastest: latest indicators, streams."""

import asyncio
import urllib.request
from typing import Final

import msgspec
import numpy as np

from deploy.local.ports import free_port
from tests.benchmarks.ask import CONNECTIONS, Asked, Asking
from tests.benchmarks.city import PROBED_CITY
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import Invalid, Stack, until

_LATEST: Final = ("api_latest_rps", "api_latest_p99_ms")
FIGURES: Final = (*_LATEST, "sse_clients")
WATCHERS: Final = 1_000
_LATE_S: Final = 1.0
_WATCHED: Final = f"city={PROBED_CITY}&rule=air.pm2_5.hour,air.pm10.hour,air.no2.hour,air.o3.hour"
"""What each client watches: as much of a city as comes to the values a second that count."""
_VALUES_PER_S: Final = 60.0


async def measure(stack: Stack, results: Results, seconds: float, wanted: set[str]) -> None:
    """The figures that are wanted; the service and its load are running."""
    if wanted & set(_LATEST):
        with results.counting(*_LATEST):
            await _latest(stack, results, seconds)
    if "sse_clients" in wanted:
        with results.counting("sse_clients"):
            await _streams(stack, results, seconds)


async def _latest(stack: Stack, results: Results, seconds: float) -> None:
    """How many answers of a city's latest indicators a second, and how late the last of them."""
    say(f"  latest indicators over {CONNECTIONS} connections, {seconds:.0f} s")
    found = await _clients(stack, Asking(stack.api_port, PROBED_CITY, seconds, 0, ""))
    rates, slow = [], []
    for part in np.array_split(np.array(found.seconds), 4):
        rates.append(CONNECTIONS / float(np.mean(part)))
        slow.append(float(np.percentile(part, 99)) * 1000)
    results.put("api_latest_rps", rates)
    results.put("api_latest_p99_ms", slow)
    results.figures["api_latest_rps"] = len(found.seconds) / found.took
    results.figures["api_latest_p99_ms"] = float(np.percentile(found.seconds, 99)) * 1000
    body = await asyncio.to_thread(_body, stack.api_port)
    results.ceilings["api_latest_bytes"] = len(body)
    bare = await _bare(stack, body, seconds / 2)
    results.ceilings["api_bare_rps"] = round(len(bare.seconds) / bare.took)
    results.ceilings["api_bare_p99_ms"] = round(float(np.percentile(bare.seconds, 99)) * 1000, 2)


def _body(port: int) -> bytes:
    url = f"http://127.0.0.1:{port}/v1/cities/{PROBED_CITY}/indicators"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


async def _bare(stack: Stack, body: bytes, seconds: float) -> Asked:
    """How fast the same clients get such answers from a server that makes nothing."""
    port, path = free_port(), stack.folder / "body.json"
    await asyncio.to_thread(path.write_bytes, body)
    await stack.start("bare", ["tests.benchmarks.bare", str(port), str(path)], {})
    try:
        await until("the bare server listens", lambda: _listens(port), 10.0)
        return await _clients(stack, Asking(port, PROBED_CITY, seconds, 0, ""))
    finally:
        await stack.end("bare")


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _streams(stack: Stack, results: Results, seconds: float) -> None:
    """How many clients get every value within a second."""
    say(f"  {WATCHERS} live streams, {seconds:.0f} s")
    asking = Asking(stack.api_port, PROBED_CITY, seconds, WATCHERS, "", _WATCHED)
    found = await _clients(stack, asking)
    told = [late for late in found.late if late >= 0]
    each = found.values / found.took / WATCHERS
    results.ceilings["sse_values_per_s_of_each"] = round(each, 1)
    results.ceilings["sse_watchers"] = WATCHERS
    results.ceilings["sse_latest_s"] = round(max(told, default=-1.0), 3)
    if each < _VALUES_PER_S:
        raise Invalid(f"each client got {each:.0f} values/s, not {_VALUES_PER_S:.0f}")
    results.figures["sse_clients"] = sum(late <= _LATE_S for late in told)


async def _clients(stack: Stack, asking: Asking) -> Asked:
    result = stack.folder / "asked.json"
    wanted = msgspec.structs.replace(asking, result=str(result))
    text = msgspec.json.encode(wanted).decode()
    await stack.start("ask", ["tests.benchmarks.ask", text], {})
    await stack.finished("ask", asking.seconds + 120)
    found = await asyncio.to_thread(result.read_bytes)
    asked = msgspec.json.decode(found, type=Asked)
    if not asking.watchers and not asked.seconds:
        raise Invalid("the API answered nothing")
    return asked
