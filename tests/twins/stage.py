"""A recorded file played through the real service, and what that stored of it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from tests import state
from tests.own_service import own_service
from tests.service import Service, wait_for
from tests.twins import compare

PATIENCE: Final = 3600.0
"""Seconds in which the indicators of a year of hourly data settle, even on a busy machine."""
_LOOK_EVERY: Final = 1.0

_PATIENT: Final = {"AGGREGATOR__STATEMENT_TIMEOUT_SECONDS": "900"}
"""A year that arrives in seconds makes long cycles, which leases have to wait for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Ingest and aggregator on servers of their own."""

    service: Service
    dsn: str

    def replay(self, name: str, city: str, path: Path, patience: float = PATIENCE) -> pd.DataFrame:
        """Play a file; what is stored of it when every window is final.

        Args:
            name: of the mapping and the registry.
            city: as the mapping calls it.
            path: the recorded file.
            patience: seconds for the replay, and again for the indicators.

        Raises:
            AssertionError: the replay failed, took too long, or not everything sent was booked.
        """
        self.service.start("ingest", "aggregate")
        registry = self.service.run("registry", "apply", f"simulator/registries/{name}.toml")
        assert registry.returncode == 0, registry.stderr
        sent = self._play(name, path, patience)
        wait_for(
            "every window is final",
            lambda: state.is_settled(self.dsn, city),
            patience,
            every=_LOOK_EVERY,
        )
        books = state.ledger(self.dsn, city)
        assert books["received"] == books["stored"] + books["revised"] == sent, books
        return asyncio.run(compare.stored(self.dsn, city))

    def _play(self, name: str, path: Path, patience: float) -> int:
        """Have the simulator play a file to its end; how many readings it sent."""
        report = self.service.folder / "report.json"
        playing = self.service.simulate(
            "--replay", str(path), "--mapping", name, "--report", str(report)
        )
        assert playing.wait(patience) == 0, self.service.log("simulate")
        return int(json.loads(report.read_text())["readings"])


@contextmanager
def staged() -> Iterator[Stage]:
    """A stage of one's own: PostgreSQL, a broker, ingest and aggregator; all gone afterwards."""
    with own_service("twins", **_PATIENT) as (service, dsn):
        yield Stage(service, dsn)
