"""The simulator's composition root: a seeded city or a recorded one, played over MQTT."""

import asyncio
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Final

import structlog

from cityvitals.domain.names import Clock, is_identifier
from cityvitals.domain.times import US
from cityvitals.errors import SettingsError
from cityvitals.service import run_service
from cityvitals.settings import Settings
from cityvitals.telemetry import configure_logging
from cityvitals.wire.meta import GatewayStatus
from simulator.feed import Feed
from simulator.mapping_load import load_mapping
from simulator.player import Pace, Summary, Tally, stream, summed, tell
from simulator.publisher import Publisher
from simulator.replay import Replay
from simulator.vitalia import Vitalia

_LEAVE_SECONDS: Final = 3.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """What to play, how fast, and for how long.

    Attributes:
        replay: recorded file to play; None plays the seeded city.
        mapping: path of a mapping, or the name of a shipped one ("beijing").
        speed: event seconds per wall second in a replay; None is as fast as acknowledged.
        city: id to play as, instead of the mapping's or the seeded city's own.
        seed: what the seeded city's values follow from.
        history_hours: how much of the seeded city's past is sent first, as fast as acknowledged.
        live: whether the seeded city keeps publishing until stopped.
        limit: stop after so many readings.
        scale: sensors of the seeded city, as a multiple of its 38.
        connections: MQTT connections at most; gateways are dealt over them.
        report: file to write the summary to, as JSON.
    """

    replay: Path | None = None
    mapping: Path | None = None
    speed: float | None = None
    city: str | None = None
    seed: int = 1
    history_hours: float = 0.0
    live: bool = True
    limit: int | None = None
    scale: int = 1
    connections: int = 6
    report: Path | None = None


def run(settings: Settings, options: Options) -> int:
    """Play until all is acknowledged, or until stopped; returns the exit code.

    What was sent goes to stdout as a few lines, and to `options.report` as JSON.
    """
    configure_logging(settings.log, "simulator")
    return run_service(lambda stop: _play(settings, options, stop))


async def _play(settings: Settings, options: Options, stop: asyncio.Event) -> None:
    _check(options)
    feed = _feed(options, round(time() * US))
    summary = await play(feed, settings, options, stop)
    sys.stdout.write(_told(summary))
    if options.report is not None:
        _write(options.report, summary)


async def play(feed: Feed, settings: Settings, options: Options, stop: asyncio.Event) -> Summary:
    """Play a feed: declare it, send it, take leave; a set `stop` cuts it short."""
    publisher, tally = Publisher(feed, settings.broker, options.connections), Tally()
    async with asyncio.TaskGroup() as group:
        links = group.create_task(publisher.run(), name="links")
        working = group.create_task(_work(feed, publisher, tally, options), name="playing")
        telling = group.create_task(tell(tally), name="telling")
        stopping = group.create_task(stop.wait(), name="stopping")
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        complete = working.done()
        for task in (working, telling, stopping):
            task.cancel()
        if not complete:
            await _leave_early(publisher)
        links.cancel()
    return summed(feed, publisher, tally, complete=complete)


async def _work(feed: Feed, publisher: Publisher, tally: Tally, options: Options) -> None:
    """Declare, send, take leave: a replay is over then, while the seeded city is merely away."""
    await publisher.declare()
    is_live = feed.meta.clock is Clock.LIVE
    await stream(feed, publisher, Pace(options.speed, is_live, time()), tally, options.limit)
    await publisher.leave(GatewayStatus.OFFLINE if is_live else GatewayStatus.END)


async def _leave_early(publisher: Publisher) -> None:
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
            await publisher.leave(GatewayStatus.OFFLINE)
    except TimeoutError:
        _log.warning("left without the broker's answer", unacknowledged=publisher.outstanding)


def _check(options: Options) -> None:
    if (options.replay is None) != (options.mapping is None):
        raise SettingsError("simulate: --replay and --mapping: expected both or neither")
    if options.replay is not None and not options.replay.is_file():
        raise SettingsError(f"simulate: --replay: no such file: {options.replay}")
    if options.speed is not None and not 0 < options.speed < math.inf:
        raise SettingsError(f"simulate: --speed: expected a number > 0, got {options.speed}")
    if options.speed is not None and options.replay is None:
        raise SettingsError("simulate: --speed: expected with --replay only: the seeded city lives")
    if options.city is not None and not is_identifier(options.city):
        raise SettingsError(f"simulate: --city: expected letters, digits, . _ -: {options.city!r}")
    for name, number in (("scale", options.scale), ("connections", options.connections)):
        if number < 1:
            raise SettingsError(f"simulate: --{name}: expected at least 1, got {number}")


def _feed(options: Options, now_us: int) -> Feed:
    if options.replay is not None and options.mapping is not None:
        return Replay(options.replay, load_mapping(options.mapping), options.city)
    return Vitalia(
        options.seed,
        now_us,
        round(options.history_hours * 3600 * US),
        live=options.live,
        scale=options.scale,
        city=options.city or "vitalia",
    )


def _told(summary: Summary) -> str:
    lines = [
        (
            f"{summary.city}: {summary.readings:,} readings in {summary.messages:,} messages,"
            f" {summary.seconds:.1f} s, {summary.readings_per_s:,.0f} readings/s"
        ),
        f"  observed from {summary.first} to {summary.last}",
        *(f"  {quantity}: {count:,}" for quantity, count in summary.by_quantity.items()),
    ]
    if summary.sent_again:
        lines.append(f"  {summary.sent_again:,} messages sent again after a lost connection")
    if summary.unheard:
        lines.append(f"  {summary.unheard:,} messages had no subscriber: is ingest running?")
    if summary.unacknowledged:
        lines.append(f"  {summary.unacknowledged:,} messages were not acknowledged")
    return "\n".join(lines) + "\n"


def _write(path: Path, summary: Summary) -> None:
    try:
        path.write_text(json.dumps(summary.words(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise SettingsError(f"simulate: --report: {error}") from None
