"""The load generator's composition root."""

import contextlib
import json
import os
import signal
import ssl
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, Final

from cityvitals.domain.names import is_identifier
from cityvitals.errors import SettingsError
from cityvitals.service import EXIT_FAILED, EXIT_OK
from cityvitals.settings import BrokerSettings, Settings
from cityvitals.telemetry import configure_logging
from cityvitals.tls import client_context
from simulator.load.coding import OWN, Coding
from simulator.load.fleet import MOST, Fleet, Share
from simulator.load.generator import Generator, Pace
from simulator.load.judge import Step, knee, lag_at_end, stolen, trends
from simulator.load.lane import MOST_IN_FLIGHT
from simulator.load.meter import Booked, Process
from simulator.load.order import Shares
from simulator.load.packet import MQTT_3, MQTT_5, Delivery, publish_packet
from simulator.load.page import figure, page, ramp_page
from simulator.load.plan import Plan
from simulator.load.publisher import Publisher
from simulator.load.ramp import Ramp, climb, verdict
from simulator.load.recorder import Recorder, Sample
from simulator.load.summary import Summary, summed
from simulator.load.town import Declaration

FORMATS: Final = {"json": OWN}
"""Other names for payload formats."""
VERSIONS: Final = {"5": MQTT_5, "3.1.1": MQTT_3}
"""Protocol level by the name of a version of MQTT."""
_DEFAULT_S: Final = 60.0
_STEP_S: Final = 10.0
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
        processes: each has so many connections, and its share of sensors and rate.
        declare: whether city and devices are declared first.
        payload: payload format.
        qos, mqtt: how messages are delivered, and by which version of MQTT.
        report, page: files for the summary with its samples, as JSON and as a page of plots.
        figure: file for the plots alone, as SVG.
        api: address of the service's API, to see how far its books are behind.
        aggregator: health address of the aggregator, to see how far it is behind, too.
        watch: processes whose CPU and memory are recorded.
        soak: judge whether latency, lag and memory held flat.
        ramp: rates to try one after the other, each for the duration (10 s), to find the knee.
        within_ms: of a ramp: how late 99 of 100 acknowledgements may be.
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
    processes: int = 1
    shares: Shares = field(default_factory=Shares)
    numbered: bool = False
    declare: bool = True
    payload: str = "json"
    qos: int = 1
    mqtt: str = "5"
    report: Path | None = None
    page: Path | None = None
    figure: Path | None = None
    api: str | None = None
    aggregator: str | None = None
    watch: tuple[int, ...] = ()
    soak: bool = False
    ramp: Ramp | None = None
    within_ms: float = 1000.0


def run(settings: Settings, options: Options) -> int:
    """Send until the plan or the time is at its end, or until stopped; returns the exit code.

    The first SIGINT or SIGTERM ends the sending; what is under way is waited for. A second one
    ends the process. A soak that does not hold flat, and a load that is not acknowledged, exit
    with 1.
    """
    configure_logging(settings.log, "load")
    _check(options)
    stopping = _Stopping()
    with stopping:
        if options.ramp is not None:
            return _ramp(settings, options, options.ramp, stopping)
        summary, samples = _once(settings, options, stopping)
    found = trends(samples)
    flat = all(one.is_flat for one in found)
    lines = summary.lines()
    if options.soak:
        lines += [f"  {one}" for one in found] or ["  too short to say whether it held flat"]
        lines += [f"  {stolen(samples)}"] if stolen(samples) else []
    told = "\n".join(lines) + "\n"
    sys.stdout.write(told)
    words = {
        **summary.words(),
        "trends": [asdict(one) for one in found],
        "samples": [one.words() for one in samples],
    }
    title = f"Load on {summary.city}"
    _write(options, words, page(title, told, samples, found))
    _put("--figure", options.figure, figure(summary.lines()[0], samples, found))
    good = (summary.complete or stopping()) and (not options.soak or (bool(found) and flat))
    return EXIT_OK if good else EXIT_FAILED


def _once(
    settings: Settings, options: Options, stopping: "_Stopping"
) -> tuple[Summary, list[Sample]]:
    """One load, declared, sent, and recorded second by second."""
    plan, tls = plan_of(options, time.time_ns() // 1000), client_context(settings.broker)
    name = f"cityvitals-load-{options.city}-{os.getpid()}"
    watched = [Process(pid) for pid in options.watch]
    if options.declare:
        declare(
            settings.broker, plan.town.declarations(), f"{name}-declare", tls, plan.delivery.level
        )
    pace = Pace(options.rate, _duration_s(options), options.connections, options.in_flight)
    with contextlib.ExitStack() as stack:
        booked = None
        if options.api is not None:
            asked = Booked(options.api, options.city, options.aggregator or "")
            booked = stack.enter_context(asked)
        recorder = Recorder(watched, booked)
        tell = lambda progress: _tell(recorder(progress))  # noqa: E731
        if options.processes > 1:
            fleet = Fleet(plan, settings.broker, pace, name, options.processes)
            done = fleet.run(stopping, tell)
        else:
            generator = Generator(plan, settings.broker, pace, name, tls)
            generator.run(stopping, tell)
            done = Share.of(generator)
    return summed(plan, done, complete=not stopping()), recorder.samples


def _ramp(settings: Settings, options: Options, ramp: Ramp, stopping: "_Stopping") -> int:
    """Loads of rising rates, and where the knee is."""

    def measure(number: int, rate: float) -> Step | None:
        city = f"{options.city}-{number}"
        summary, samples = _once(settings, replace(options, city=city, rate=rate), stopping)
        if not summary.complete:
            return None
        return Step(rate, summary.readings_per_s, summary.ack_ms.p99, lag_at_end(samples))

    def tell(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    steps = climb(ramp, options.within_ms, measure, tell)
    told = verdict(steps, options.within_ms)
    tell(told)
    if steps:
        best = knee(steps, options.within_ms)
        words = {
            "knee": told,
            "knee_per_s": None if best is None else best.asked,
            "steps": [one.words() for one in steps],
        }
        _write(options, words, ramp_page(f"Ramp on {options.city}", told, steps))
    return EXIT_OK


def plan_of(options: Options, now_us: int) -> Plan:
    """The plan that options ask for: room for all that can be sent in the time, ending at now."""
    fastest = options.rate or _FASTEST
    in_time = int(fastest * (_duration_s(options) or _LONGEST_S)) + 1
    readings = in_time if options.count is None else options.count
    plan = Plan.ending_at(
        now_us,
        city=options.city,
        sensors=options.sensors,
        pack=options.pack,
        readings=readings,
        seed=options.seed,
        shares=options.shares,
        numbered=options.numbered,
    )
    coding = Coding(FORMATS.get(options.payload, options.payload))
    return replace(
        plan,
        town=replace(plan.town, without=coding.lacks),
        delivery=Delivery(options.qos, VERSIONS[options.mqtt]),
        coding=coding,
    )


def declare(
    broker: BrokerSettings,
    declarations: Iterable[Declaration],
    client_id: str,
    tls: ssl.SSLContext | None = None,
    level: int = MQTT_5,
) -> None:
    """Publish retained messages, of QoS 1, and wait until the broker has all of them.

    Raises:
        BrokerAway: it is not there, goes, or does not acknowledge them.
    """
    delivery = Delivery(level=level)
    publisher = Publisher(broker, client_id, tls=tls, delivery=delivery)
    for number, (topic, payload) in enumerate(declarations):
        while publisher.room <= 0:
            publisher.collect(1.0)
        packet = publish_packet(topic, payload, number % 65_535 + 1, delivery, retain=True)
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


def _tell(sample: Sample) -> None:
    """A line of progress; on a terminal always the same one."""
    acked = "" if sample.ack_ms is None else f", p99 {sample.ack_ms[2]:,.0f} ms"
    lag = "" if sample.lag is None else f", ledger {sample.lag:,} behind"
    if sample.underived is not None:
        lag += f", aggregator {sample.underived:,}"
    line = (
        f"load: {sample.readings_per_s:,.0f} readings/s, {sample.outstanding:,} messages"
        f" outstanding, {sample.late_ms:,.0f} ms late{acked}{lag}"
    )
    sys.stderr.write(f"\r{line:<100}" if sys.stderr.isatty() else f"{line}\n")
    sys.stderr.flush()


def _duration_s(options: Options) -> float | None:
    if options.duration_s is None and options.count is None:
        return _DEFAULT_S if options.ramp is None else _STEP_S
    return options.duration_s


def _check(options: Options) -> None:
    if not is_identifier(options.city):
        raise SettingsError(f"load: --city: expected letters, digits, . _ -: {options.city!a}")
    if options.ramp is not None and (
        options.rate or options.count is not None or options.soak or options.figure
    ):
        raise SettingsError("load: --ramp: expected without --rate, --count, --soak and --figure")
    if options.aggregator is not None and options.api is None:
        raise SettingsError("load: --aggregator: expected with --api, whose ledger it is held to")
    if options.mqtt not in VERSIONS:
        raise SettingsError(
            f"load: --mqtt: expected one of {', '.join(VERSIONS)}, got {options.mqtt!a}"
        )
    bounds: tuple[tuple[str, float, float, float], ...] = (
        ("--rate", options.rate, 0, 1e8),
        ("--count", 1 if options.count is None else options.count, 1, 1e11),
        ("--duration", options.duration_s or _DEFAULT_S, 0.001, _LONGEST_S),
        ("--connections", options.connections, 1, _CONNECTIONS),
        ("--processes", options.processes, 1, MOST),
        ("--qos", options.qos, 0, 2),
        ("--in-flight", options.in_flight, 1, MOST_IN_FLIGHT),
    )
    for name, number, low, high in bounds:
        if not low <= number <= high:
            raise SettingsError(f"load: {name}: expected {low:g} to {high:g}, got {number:g}")


def _write(options: Options, words: dict[str, Any], shown: str) -> None:
    """The report as JSON, and as a page, where they are asked for."""
    for name, path, text in (
        ("--report", options.report, json.dumps(words, indent=2) + "\n"),
        ("--page", options.page, shown),
    ):
        _put(name, path, text)


def _put(name: str, path: Path | None, text: str) -> None:
    try:
        if path is not None:
            path.write_text(text, "utf-8")
    except OSError as error:
        raise SettingsError(f"load: {name}: {error}") from None
