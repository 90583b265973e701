"""Asking our own processes over HTTP on the loopback."""

import asyncio
import json
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families

_SECONDS: Final = 2.0
# No proxy of the user's environment stands between this machine and itself.
_opener = build_opener(ProxyHandler({}))


async def fetch(url: str) -> tuple[int, str]:
    """Status and body of a GET; (0, why) where nobody answers."""
    return await asyncio.to_thread(_fetch, url)


def _fetch(url: str) -> tuple[int, str]:
    try:
        with _opener.open(url, timeout=_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(getattr(error, "reason", error))


async def not_ready(port: int) -> str:
    """Why the process behind a health port is not ready; empty if it is."""
    status, body = await fetch(f"http://127.0.0.1:{port}/readyz")
    if status == 0:
        return "no answer"
    report = _json(body)
    reasons = report.get("reasons") or [] if isinstance(report, dict) else []
    return "" if status == 200 else "; ".join(map(str, reasons)) or f"HTTP {status}"  # noqa: PLR2004


async def samples(port: int) -> dict[str, float]:
    """Metrics behind a health port, added up over all labels but `outcome`; empty if away."""
    status, body = await fetch(f"http://127.0.0.1:{port}/metrics")
    found: dict[str, float] = {}
    if status != 200:  # noqa: PLR2004
        return found
    for family in text_string_to_metric_families(body):
        for sample in family.samples:
            outcome = sample.labels.get("outcome")
            name = f"{sample.name}.{outcome}" if outcome else sample.name
            found[name] = found.get(name, 0.0) + sample.value
    return found


async def json_at(url: str) -> Any:
    """The JSON behind an address; None where there is none."""
    status, body = await fetch(url)
    return _json(body) if status == 200 else None  # noqa: PLR2004


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
