"""What the aggregator counts, for `/metrics`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from aggregator.budget import Cycle


class Metrics:
    """The aggregator's metrics, in a registry of their own. No label has open values."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._readings = Counter(
            "cityvitals_aggregator_readings",
            "Readings taken from the commit log.",
            registry=self.registry,
        )
        self._rollups = Counter(
            "cityvitals_aggregator_rollups", "Buckets written.", registry=self.registry
        )
        self._changes = Counter(
            "cityvitals_aggregator_indicator_changes",
            "Indicator values that changed.",
            registry=self.registry,
        )
        self._seconds = Histogram(
            "cityvitals_aggregator_cycle_duration_seconds",
            "Duration of a shard's cycle that had something to do.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self._backlog = Gauge(
            "cityvitals_aggregator_backlog_stretches",
            "Stretches of buckets or windows that wait to be recomputed.",
            ["shard"],
            registry=self.registry,
        )
        self._lag = Gauge(
            "cityvitals_aggregator_log_lag_entries",
            "Entries of the commit log that are not taken yet.",
            registry=self.registry,
        )
        self._shards = Gauge(
            "cityvitals_aggregator_shards_owned", "Shards held.", registry=self.registry
        )

        self._rules = Gauge(
            "cityvitals_aggregator_rules",
            "Rules by state: run, refused (not built yet), wrong (named in the log and /readyz).",
            ["state"],
            registry=self.registry,
        )

    def rules(self, run: int, refused: int, wrong: int) -> None:
        """Say how many rules are run, refused, and wrong."""
        for state, count in (("run", run), ("refused", refused), ("wrong", wrong)):
            self._rules.labels(state).set(count)

    def cycle(self, shard: int, done: Cycle, seconds: float) -> None:
        """Count one cycle of one shard."""
        self._readings.inc(done.readings)
        self._rollups.inc(done.rollups)
        self._changes.inc(done.changes)
        self._backlog.labels(str(shard)).set(done.backlog)
        if done.entries or done.changes:
            self._seconds.observe(seconds)

    def lag(self, entries: int) -> None:
        """Say how much of the log lies ahead."""
        self._lag.set(entries)

    def owned(self, count: int) -> None:
        """Say how many shards are held."""
        self._shards.set(count)
