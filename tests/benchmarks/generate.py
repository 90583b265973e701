"""What the load generator itself can send, whoever receives it: readings a second of its CPU."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cityvitals.settings import BrokerSettings
from simulator.load.generator import Generator, Pace
from simulator.load.plan import Plan
from tests.benchmarks.result import Results
from tests.benchmarks.stack import ROOT, Invalid

_READINGS: Final = 2_000_000
_PACK: Final = 50
_SENSORS: Final = 1000


def measure(results: Results, repeats: int) -> None:
    """Packs of 50 of 10,000 series, every value and stamp its own, to a sink that acknowledges."""
    plan = Plan.ending_at(time.time_ns() // 1000, sensors=_SENSORS, pack=_PACK, readings=_READINGS)
    by_cpu, by_wall = [], []
    with _sink() as port:
        for _ in range(repeats):
            generator = Generator(plan, BrokerSettings(port=port), Pace())
            begun_s, used_s = time.monotonic(), time.process_time()
            generator.run()
            by_cpu.append(_READINGS / (time.process_time() - used_s))
            by_wall.append(_READINGS / (time.monotonic() - begun_s))
            if generator.outstanding:
                raise Invalid(f"{generator.outstanding} messages are not acknowledged")
    results.put("load_readings_per_s", by_cpu)
    results.ceilings["load_readings_per_s_by_the_wall"] = round(max(by_wall))


@contextmanager
def _sink() -> Iterator[int]:
    """A process of its own that acknowledges everything; its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.mqtt_sink"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None:
                raise Invalid("the sink has no output")
            yield int(process.stdout.readline())
        finally:
            process.terminate()
