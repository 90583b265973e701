"""What a load did, as text and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any

from cityvitals.domain.times import iso
from simulator.load.delays import Delays
from simulator.load.fleet import Share
from simulator.load.plan import Plan


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """How long something took, from when it was due."""

    p50: float
    p99: float
    max: float

    @property
    def told(self) -> str:
        """As text."""
        return f"p50 {self.p50:,.1f}, p99 {self.p99:,.1f}, at most {self.max:,.1f}"

    @classmethod
    def of(cls, delays: Delays) -> "Milliseconds":
        """The quantiles of what was counted."""
        seconds = (delays.quantile(0.5), delays.quantile(0.99), delays.largest)
        return cls(*(round(one * 1000, 3) for one in seconds))


@dataclass(frozen=True, slots=True)
class Summary:
    """A load at its end.

    Attributes:
        expected: what must become of what was sent, by outcome; `received` is their sum.
        sent_again: messages sent once more after a connection broke. The receiver may have some of
            their readings twice: each is then a duplicate (or rejected) beyond what is expected.
        given_up: messages of QoS 0 that were under way when a connection broke; nobody knows what
            became of them.
        unheard: messages that the broker took while nobody was subscribed.
        complete: whether plan or time came to its end, and everything is acknowledged.
    """

    city: str
    seed: int
    sensors: int
    pack: int
    first: str
    last: str
    messages: int
    readings: int
    seconds: float
    readings_per_s: float
    expected: dict[str, Any]
    ack_ms: Milliseconds
    lateness_ms: Milliseconds
    sent_again: int
    given_up: int
    unheard: int
    unacknowledged: int
    complete: bool

    def words(self) -> dict[str, Any]:
        """The summary as JSON takes it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The summary as text."""
        ack, late = self.ack_ms, self.lateness_ms
        said = [
            (
                f"{self.city}: {self.readings:,} readings in {self.messages:,} messages,"
                f" {self.seconds:.1f} s, {self.readings_per_s:,.0f} readings/s"
            ),
            f"  expected: {_told(self.expected)}",
            f"  acknowledged after ms: {ack.told}",
            f"  sent late by ms: {late.told}",
        ]
        rest = {
            "messages sent again after a lost connection": self.sent_again,
            "messages were given up when a connection broke (QoS 0)": self.given_up,
            "messages had no subscriber: is ingest running?": self.unheard,
            "messages were not acknowledged": self.unacknowledged,
        }
        return said + [f"  {count:,} {what}" for what, count in rest.items() if count]


def summed(plan: Plan, done: Share, *, complete: bool) -> Summary:
    """What was done of a plan; `complete` unless it was stopped before its time."""
    truth = done.truth
    rate = truth.readings / done.seconds if done.seconds else 0.0
    return Summary(
        ", ".join(plan.town.cities),
        plan.seed,
        plan.town.size,
        plan.pack,
        iso(plan.begin_us),
        iso(plan.end_us),
        truth.messages,
        truth.readings,
        round(done.seconds, 3),
        round(rate, 1),
        truth.words(),
        Milliseconds.of(done.latency),
        Milliseconds.of(done.lateness),
        done.sent_again,
        done.given_up,
        done.unheard,
        done.outstanding,
        complete and not done.outstanding and not done.given_up,
    )


def _told(expected: dict[str, Any]) -> str:
    counts = [f"{name} {n:,}" for name, n in expected.items() if isinstance(n, int)]
    reasons = [f"{reason} {n:,}" for reason, n in expected["rejected_by_reason"].items()]
    return ", ".join(counts) + (f" ({', '.join(reasons)})" if reasons else "")
