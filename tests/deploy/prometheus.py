"""Debian's Prometheus with the shipped configuration, its targets moved to a running service."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from deploy.local.ports import free_port
from tests import plain
from tests.service import Service, wait_for

SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "prometheus"
_TARGETS: Final = {"ingest:9101": "ingest", "aggregate:9102": "aggregate", "api:9103": "api"}


@contextmanager
def prometheus(service: Service, folder: Path) -> Iterator[str]:
    """Its address, while it scrapes a service each second."""
    config = (SHIPPED / "prometheus.yml").read_text()
    moved = {name: f"127.0.0.1:{service.health_port(at)}" for name, at in _TARGETS.items()}
    for old, new in {"_interval: 15s": "_interval: 1s", **moved}.items():
        assert old in config, f"{old!r} is not in the shipped configuration"
        config = config.replace(old, new)
    (folder / "prometheus.yml").write_text(config)
    (folder / "alerts.yml").write_text((SHIPPED / "alerts.yml").read_text())
    port = free_port()
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for("Prometheus is ready", lambda: _is_ready(address))
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _is_ready(address: str) -> bool:
    try:
        return plain.get(f"{address}/-/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
