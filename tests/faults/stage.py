"""Where a fault test plays: the service, its servers, and a proxy in front of each."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.faults.closing import close
from tests.faults.publisher import publish
from tests.faults.workload import Workload
from tests.proxy import Proxy
from tests.service import Service


@dataclass(frozen=True, slots=True)
class Stage:
    """A service and what can be done to it.

    Attributes:
        dsn: the database, directly; so is broker_port the broker.
        broker_link: between ingest and the broker, once `use_proxies` was called.
        store_link: between ingest and the database, likewise.
    """

    service: Service
    dsn: str
    broker_port: int
    broker_link: Proxy
    store_link: Proxy

    def use_proxies(self) -> None:
        """Have ingest reach both servers through the proxies, and give up on them soon."""
        direct = urlsplit(self.dsn)
        self.service.override(
            "ingest",
            DATABASE__DSN=self.dsn.replace(f":{direct.port}/", f":{self.store_link.port}/"),
            INGEST__STATEMENT_TIMEOUT_SECONDS="1",
            DATABASE__CONNECT_TIMEOUT_SECONDS="1",
            BROKER__PORT=str(self.broker_link.port),
            BROKER__KEEPALIVE_SECONDS="5",
        )

    def open(self, workload: Workload, *more: str) -> None:
        """Start ingest and aggregator (and more), and say who will speak."""
        self.service.start("ingest", "aggregate", *more)
        publish(self.broker_port, workload.declared)

    def close(self, workload: Workload) -> None:
        """Check that nothing was lost or counted twice, and that all is derived."""
        close(self.service, self.dsn, self.broker_port, workload)

    def end(self) -> None:
        """Stop what was started."""
        try:
            self.service.stop()
        finally:
            self.broker_link.close()
            self.store_link.close()
