"""Several processes that send one load together, each the sensors that are its own."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final

from cityvitals.errors import CityVitalsError, SettingsError
from cityvitals.settings import BrokerSettings
from cityvitals.tls import client_context
from simulator.load.delays import Delays
from simulator.load.generator import Generator, Pace, Progress
from simulator.load.plan import Plan
from simulator.load.truth import Truth
from simulator.session import BrokerAway

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

MOST: Final = 32
_LOOK_S: Final = 0.1
_START_S: Final = 120.0
"""A plan of a million sensors takes half a minute to make."""


@dataclass(slots=True)
class Share:
    """What one process did, or all together.

    Attributes:
        seconds: of the one that took longest.
    """

    truth: Truth = field(default_factory=Truth)
    latency: Delays = field(default_factory=Delays)
    lateness: Delays = field(default_factory=Delays)
    seconds: float = 0.0
    outstanding: int = 0
    sent_again: int = 0
    given_up: int = 0
    unheard: int = 0

    @classmethod
    def of(cls, one: Generator) -> "Share":
        """What a generator did."""
        return cls(
            one.truth,
            one.latency,
            one.lateness,
            one.seconds,
            one.outstanding,
            one.sent_again,
            one.given_up,
            one.unheard,
        )

    def __add__(self, other: "Share") -> "Share":
        return Share(
            self.truth + other.truth,
            self.latency + other.latency,
            self.lateness + other.lateness,
            max(self.seconds, other.seconds),
            self.outstanding + other.outstanding,
            self.sent_again + other.sent_again,
            self.given_up + other.given_up,
            self.unheard + other.unheard,
        )


def divided(plan: Plan, parts: int) -> list[Plan]:
    """Plans of neighbouring sensors that together are a plan's sensors and messages.

    Raises:
        SettingsError: there are fewer sensors than parts, or their readings carry numbers, which
            are counted for each gateway over all its sensors.
    """
    if plan.numbered:
        raise SettingsError("load: --processes: expected without --seq")
    if plan.town.size < parts:
        raise SettingsError(f"load: --processes: expected at most one a sensor, got {parts}")
    sizes, messages = _dealt(plan.town.size, parts), _dealt(plan.messages, parts)
    made, first = [], 0
    for number, (size, count) in enumerate(zip(sizes, messages, strict=True)):
        town = replace(plan.town, size=size, first=plan.town.first + first)
        made.append(replace(plan, town=town, messages=max(count, 1), seed=plan.seed + number))
        first += size
    return made


def _dealt(total: int, parts: int) -> list[int]:
    least, more = divmod(total, parts)
    return [least + (number < more) for number in range(parts)]


class Fleet:
    """Processes that begin together; what each did is put together at the end.

    Percentiles while it runs are those of the slowest process.
    """

    def __init__(
        self, plan: Plan, broker: BrokerSettings, pace: Pace, name: str, processes: int
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop, self._go = context.Event(), context.Event()
        self._ends: dict[Connection, SpawnProcess] = {}
        self._last: dict[Connection, Progress] = {}
        self._done = Share()
        own = replace(pace, rate=pace.rate / processes)
        for number, part in enumerate(divided(plan, processes)):
            ours, theirs = context.Pipe()
            given = (part, broker, own, f"{name}-{number}", theirs, self._go, self._stop)
            self._ends[ours] = context.Process(target=_send, args=given, daemon=True)
        self._told_s = 0.0

    def run(
        self, stop: Callable[[], bool], tell: Callable[[Progress], None] | None = None
    ) -> Share:
        """Send all; then, or when stopped, wait for what is under way.

        Raises:
            BrokerAway, BrokerRefused, SettingsError: as one of the processes had it.
            BrokerAway: a process ended without a word.
        """
        for process in self._ends.values():
            process.start()
        try:
            self._await_all()
            self._go.set()
            self._told_s = time.monotonic()
            while self._ends:
                if stop():
                    self._stop.set()
                self._hear(_LOOK_S)
                self._tell(tell)
        finally:
            self._stop.set()
            for process in self._ends.values():
                process.terminate()
        return self._done

    def _await_all(self) -> None:
        """Until each has made its plan, so that all begin at once."""
        waiting, end_s = set(self._ends), time.monotonic() + _START_S
        while waiting:
            ready = wait(waiting, max(0.0, end_s - time.monotonic()))
            if not ready:
                raise BrokerAway(f"load: processes are not ready within {_START_S:.0f} s")
            for one in ready:
                self._take(one, self._receive(one))
                waiting.discard(one)

    def _hear(self, wait_s: float) -> None:
        for one in wait(list(self._ends), wait_s):
            self._take(one, self._receive(one))

    def _receive(self, one: Any) -> Any:
        try:
            return one.recv()
        except EOFError:
            process = self._ends[one]
            process.join()
            raise BrokerAway(f"load: a process ended with {process.exitcode}") from None

    def _take(self, one: Any, said: Any) -> None:
        match said:
            case CityVitalsError():
                raise said
            case Progress():
                self._last[one] = said
            case Share():
                self._done += said
                self._ends.pop(one).join()
            case _:
                pass

    def _tell(self, tell: Callable[[Progress], None] | None) -> None:
        now_s = time.monotonic()
        if tell is None or now_s - self._told_s < 1.0 or not self._last:
            return
        self._told_s = now_s
        tell(together(list(self._last.values())))


def together(each: Sequence[Progress]) -> Progress:
    """Sums; of delays those of the slowest."""
    acked = [one.ack_ms for one in each if one.ack_ms is not None]
    p50, p95, p99 = (max(values) for values in zip(*acked, strict=True)) if acked else (0, 0, 0)
    return Progress(
        sum(one.readings for one in each),
        sum(one.outstanding for one in each),
        max(one.lateness_s for one in each),
        sum(one.bytes for one in each),
        (p50, p95, p99) if acked else None,
    )


def _send(
    plan: Plan, broker: BrokerSettings, pace: Pace, name: str, end: Connection, go: Any, stop: Any
) -> None:
    """One process of a fleet; it ends with the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: the first decides
    try:
        generator = Generator(plan, broker, pace, name, client_context(broker))
        end.send("ready")
        go.wait()
        generator.run(stop.is_set, end.send)
        end.send(Share.of(generator))
    except CityVitalsError as error:
        end.send(error)
    except BrokenPipeError:
        return
