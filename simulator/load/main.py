"""The load generator's composition root."""

import json
import os
import signal
import ssl
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from cityvitals.domain.names import is_identifier
from cityvitals.errors import SettingsError
from cityvitals.service import EXIT_FAILED, EXIT_OK
from cityvitals.settings import BrokerSettings, Settings
from cityvitals.telemetry import configure_logging
from cityvitals.tls import client_context
from simulator.load.generator import Generator, Pace, Progress
from simulator.load.lane import MOST_IN_FLIGHT
from simulator.load.order import Shares
from simulator.load.packet import publish_packet
from simulator.load.plan import Plan
from simulator.load.publisher import Publisher
from simulator.load.summary import Summary, summed
from simulator.load.town import Declaration

FORMATS: Final = ("json",)
_DEFAULT_S: Final = 60.0
_LONGEST_S: Final = 86_400.0
_FASTEST: Final = 5_000_000
"""Readings a second that a plan without rate and count has room for."""
_CONNECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Options:
    """What to send, and how fast.

    Attributes:
        rate: readings a second; 0: as fast as acknowledged.
        duration_s: None: 60 s, unless there is a count.
        count: stop after so many readings, rounded up to whole messages.
        declare: whether city and devices are declared first.
        payload: payload format.
    """

    city: str = "load"
    sensors: int = 100
    pack: int = 50
    rate: float = 0.0
    duration_s: float | None = None
    count: int | None = None
    seed: int = 1
    connections: int = 1
    in_flight: int = 500
    shares: Shares = field(default_factory=Shares)
    numbered: bool = False
    declare: bool = True
    payload: str = "json"
    report: Path | None = None


def run(settings: Settings, options: Options) -> int:
    """Send until the plan or the time is at its end, or until stopped; returns the exit code.

    The first SIGINT or SIGTERM ends the sending; what is under way is waited for. A second one
    ends the process.
    """
    configure_logging(settings.log, "load")
    _check(options)
    plan, tls = plan_of(options, time.time_ns() // 1000), client_context(settings.broker)
    name = f"cityvitals-load-{options.city}-{os.getpid()}"
    if options.declare:
        declare(settings.broker, plan.town.declarations(), f"{name}-declare", tls)
    pace = Pace(options.rate, _duration_s(options), options.connections, options.in_flight)
    generator, stopping = Generator(plan, settings.broker, pace, name, tls), _Stopping()
    with stopping:
        generator.run(stopping, _Teller())
    summary = summed(plan, generator, complete=not stopping())
    sys.stdout.write("\n".join(summary.lines()) + "\n")
    if options.report is not None:
        _write(options.report, summary)
    return EXIT_OK if summary.complete or stopping() else EXIT_FAILED


def plan_of(options: Options, now_us: int) -> Plan:
    """The plan that options ask for: room for all that can be sent in the time, ending at now."""
    fastest = options.rate or _FASTEST
    in_time = int(fastest * (_duration_s(options) or _LONGEST_S)) + 1
    readings = in_time if options.count is None else options.count
    return Plan.ending_at(
        now_us,
        city=options.city,
        sensors=options.sensors,
        pack=options.pack,
        readings=readings,
        seed=options.seed,
        shares=options.shares,
        numbered=options.numbered,
    )


def declare(
    broker: BrokerSettings,
    declarations: Iterable[Declaration],
    client_id: str,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Publish retained messages, and wait until the broker has all of them.

    Raises:
        BrokerAway: it is not there, goes, or does not acknowledge them.
    """
    publisher = Publisher(broker, client_id, tls=tls)
    for number, (topic, payload) in enumerate(declarations):
        while publisher.room <= 0:
            publisher.collect(1.0)
        packet = publish_packet(topic, payload, number % 65_535 + 1, retain=True)
        publisher.send(packet, 1)
    publisher.drain()
    publisher.close()


class _Stopping:
    """Whether a signal has asked to stop; the next one has its usual effect."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        return self._asked

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        self.__exit__()


class _Teller:
    """A line of progress each second."""

    def __init__(self) -> None:
        self._readings, self._at_s = 0, time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now_s = time.monotonic()
        rate = (progress.readings - self._readings) / max(now_s - self._at_s, 1e-9)
        self._readings, self._at_s = progress.readings, now_s
        sys.stderr.write(
            f"load: {rate:,.0f} readings/s, {progress.outstanding:,} messages outstanding,"
            f" {progress.lateness_s * 1000:,.0f} ms late\n"
        )


def _duration_s(options: Options) -> float | None:
    if options.duration_s is None and options.count is None:
        return _DEFAULT_S
    return options.duration_s


def _check(options: Options) -> None:
    if not is_identifier(options.city):
        raise SettingsError(f"load: --city: expected letters, digits, . _ -: {options.city!a}")
    if options.payload not in FORMATS:
        raise SettingsError(
            f"load: --format: expected one of {', '.join(FORMATS)}, got {options.payload!a}"
        )
    bounds: tuple[tuple[str, float, float, float], ...] = (
        ("--rate", options.rate, 0, 1e8),
        ("--count", 1 if options.count is None else options.count, 1, 1e11),
        ("--duration", options.duration_s or _DEFAULT_S, 0.001, _LONGEST_S),
        ("--connections", options.connections, 1, _CONNECTIONS),
        ("--in-flight", options.in_flight, 1, MOST_IN_FLIGHT),
    )
    for name, number, low, high in bounds:
        if not low <= number <= high:
            raise SettingsError(f"load: {name}: expected {low:g} to {high:g}, got {number:g}")


def _write(path: Path, summary: Summary) -> None:
    try:
        path.write_text(json.dumps(summary.words(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise SettingsError(f"load: --report: {error}") from None
