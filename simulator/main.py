"""The simulator's composition root: seeded cities or a recorded one, played over MQTT."""

import asyncio
import json
import sys
from pathlib import Path
from time import time
from typing import Final

import structlog

from cityvitals.domain.names import Clock
from cityvitals.domain.times import US
from cityvitals.errors import SettingsError
from cityvitals.service import EXIT_FAILED, EXIT_OK, run_service
from cityvitals.settings import Settings
from cityvitals.telemetry import configure_logging
from cityvitals.wire.meta import GatewayStatus
from simulator.check.check import Check, Patience
from simulator.check.client import Api
from simulator.check.verdict import Verdict
from simulator.feed import Feed
from simulator.options import Options, check_options, feeds_of, registry_text
from simulator.player import Pace, Summary, Tally, stream, summed, tell
from simulator.publisher import Publisher
from simulator.truth import Truth

_LEAVE_SECONDS: Final = 3.0

_log = structlog.get_logger()


def run(settings: Settings, options: Options) -> int:
    """Play until all is acknowledged, or until stopped; returns the exit code.

    What was sent goes to stdout as a few lines, and to `options.report` as JSON; with a check, so
    does the verdict, and the code is 1 where something is not as sent.
    """
    configure_logging(settings.log, "simulator")
    verdicts: list[Verdict] = []
    code = run_service(lambda stop: _play(settings, options, stop, verdicts))
    if code == EXIT_OK and not all(verdict.is_good for verdict in verdicts):
        return EXIT_FAILED
    return code


async def _play(
    settings: Settings, options: Options, stop: asyncio.Event, verdicts: list[Verdict]
) -> None:
    check_options(options)
    if options.registry is not None:
        _write_text("--write-registry", options.registry, registry_text(options))
        return
    api = None if options.check is None else Api(options.check)
    feeds = feeds_of(options, round(time() * US))
    truths = [None if api is None else Truth(feed) for feed in feeds]
    async with asyncio.TaskGroup() as group:
        playing = [
            group.create_task(play(feed, settings, options, stop, truth), name=feed.city)
            for feed, truth in zip(feeds, truths, strict=True)
        ]
    summaries = [one.result() for one in playing]
    for summary in summaries:
        sys.stdout.write(_told(summary))
    for summary, truth in zip(summaries, truths, strict=True):
        if api is not None and truth is not None:
            check = Check(api, truth, summary.sent_again_readings, Patience(options.still_s))
            verdicts.append(await asyncio.to_thread(check.verdict))
            sys.stdout.write(verdicts[-1].told())
    if api is not None:
        api.close()
    if options.report is not None:
        _write(options.report, summaries, verdicts)


async def play(
    feed: Feed,
    settings: Settings,
    options: Options,
    stop: asyncio.Event,
    truth: Truth | None = None,
) -> Summary:
    """Play a feed: declare it, send it, take leave; a set `stop` cuts it short.

    Args:
        feed: what is played.
        settings: where the broker is.
        options: how fast, and for how long.
        stop: ends it before its time.
        truth: is told of all that is sent.
    """
    publisher, tally = Publisher(feed, settings.broker, options.connections), Tally(truth)
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
    # A scenario's live city has lived already; a clock that is wrong there must not be waited for.
    pace = Pace(options.speed, is_live and options.scenario is None, time())
    await stream(feed, publisher, pace, tally, options.limit)
    await publisher.leave(GatewayStatus.OFFLINE if is_live else GatewayStatus.END)


async def _leave_early(publisher: Publisher) -> None:
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
            await publisher.leave(GatewayStatus.OFFLINE)
    except TimeoutError:
        _log.warning("left without the broker's answer", unacknowledged=publisher.outstanding)


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


def _write(path: Path, summaries: list[Summary], verdicts: list[Verdict]) -> None:
    """The summary as JSON, of several cities a list; each with its verdict, if there is one."""
    words = [summary.words() for summary in summaries]
    for one, verdict in zip(words, verdicts, strict=False):
        one["check"] = verdict.words()
    text = json.dumps(words[0] if len(words) == 1 else words, indent=2)
    _write_text("--report", path, text + "\n")


def _write_text(option: str, path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise SettingsError(f"simulate: {option}: {error}") from None
