"""What ingest counts about itself; all labels come from closed sets."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cityvitals import __version__
from cityvitals.domain.outcome import Outcome, Reason
from cityvitals.store.batch import Batch, Outcomes
from ingest.delay import Delays

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)


class Metrics:
    """The metrics of one ingest process, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        name = "cityvitals_ingest_"
        self.messages = Counter(
            f"{name}messages_received_total",
            "Messages that the broker handed over.",
            ["kind"],
            registry=registry,
        )
        self.readings = Counter(
            f"{name}readings_total", "Readings by outcome.", ["outcome"], registry=registry
        )
        self.dead_letters = Counter(
            f"{name}dead_letters_total",
            "Readings and messages rejected, by reason.",
            ["reason"],
            registry=registry,
        )
        self.commit_seconds = Histogram(
            f"{name}commit_duration_seconds",
            "How long a batch took to be committed, waiting for the store included.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.delays = Delays()
        registry.register(self.delays)
        build = Gauge(f"{name}build_info", "This build: always 1.", ["version"], registry=registry)
        build.labels(__version__).set(1)
        self.unacked = Gauge(
            f"{name}messages_unacked", "Messages held and not acknowledged.", registry=registry
        )
        self.acked = Counter(
            f"{name}messages_acked_total", "Messages acknowledged.", registry=registry
        )
        self.notices = Counter(
            f"{name}reject_notices_total",
            "Messages to gateways about what was rejected; dropped while the broker is away.",
            ["outcome"],
            registry=registry,
        )
        self.lanes_drained = Counter(
            f"{name}lanes_drained_total",
            "Lanes that nobody ran any more, emptied by this worker.",
            registry=registry,
        )
        self.connections = Counter(
            f"{name}broker_connections_total", "Connections made to the broker.", registry=registry
        )
        self.by_kind = {kind: self.messages.labels(kind) for kind in ("readings", "declaration")}
        self._by_outcome = {outcome: self.readings.labels(outcome.value) for outcome in Outcome}
        self._by_reason = {reason: self.dead_letters.labels(reason.value) for reason in Reason}

    def count(self, batch: Batch, outcomes: Outcomes) -> None:
        """Count what became of a committed batch."""
        if len(batch.readings):
            self.delays.observe(batch.readings["received"] - batch.ends)
        for outcome, count in outcomes.counts.items():
            self._by_outcome[outcome].inc(count)
        for reason, count in outcomes.reasons.items():
            self._by_reason[reason].inc(count)
