"""What a process answers on its health port, and how its log lines look."""

import asyncio
import json
import logging
from contextlib import closing

import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter

from cityvitals.errors import SettingsError
from cityvitals.settings import LogSettings
from cityvitals.telemetry import Health, configure_logging, serve_health
from deploy.local.ports import free_port


async def _ask(port: int, request: bytes) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        writer.write(request)
        async with asyncio.timeout(10):
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        return int(head.split()[1]) if head else 0, body


async def _get(port: int, path: str) -> tuple[int, str]:
    return await _ask(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def test_health_readiness_and_metrics() -> None:
    async def scenario() -> None:
        registry, health, port = CollectorRegistry(), Health("database"), free_port()
        Counter("beats", "Beats of the heart.", registry=registry).inc(3)
        async with serve_health("127.0.0.1", port, health, registry):
            assert await _get(port, "/healthz") == (200, "ok\n")
            status, body = await _get(port, "/readyz")
            assert (status, json.loads(body)) == (
                503,
                {"ready": False, "reasons": ["database: starting"]},
            )
            health.set_ready("database", ok=True)
            status, body = await _get(port, "/readyz?x=1")
            assert (status, json.loads(body)) == (200, {"ready": True, "reasons": []})
            status, body = await _get(port, "/metrics")
            assert status == 200
            assert "beats_total 3.0" in body
            assert 'cityvitals_ready{part="database"} 1.0' in body
            health.warn("rules", ["one", "two"])
            health.set_ready("database", ok=False)
            body = (await _get(port, "/metrics"))[1]
            assert 'cityvitals_ready{part="database"} 0.0' in body
            assert 'cityvitals_warnings{part="rules"} 2.0' in body
            assert (await _get(port, "/other"))[0] == 404
            assert (await _ask(port, b"POST /healthz HTTP/1.1\r\n\r\n"))[0] == 405

    asyncio.run(scenario())


def test_one_who_says_no_http_is_cut_off_and_others_are_served() -> None:
    async def scenario() -> None:
        port = free_port()
        async with serve_health("127.0.0.1", port, Health(), CollectorRegistry()):
            _, silent = await asyncio.open_connection("127.0.0.1", port)
            assert await _ask(port, b"x" * 100_000) == (0, "")
            assert (await _get(port, "/healthz"))[0] == 200
            silent.close()

    asyncio.run(scenario())


def test_a_taken_port_is_told() -> None:
    async def scenario() -> None:
        port = free_port()
        async with serve_health("127.0.0.1", port, Health(), CollectorRegistry()):
            with pytest.raises(SettingsError, match=f"health port {port} on 127.0.0.1: .*free it"):
                async with serve_health("127.0.0.1", port, Health(), CollectorRegistry()):
                    pass

    asyncio.run(scenario())


def test_nothing_said_yet_is_not_ready() -> None:
    health = Health()
    assert not health.is_ready
    assert health.reasons == ["starting"]
    health.set_ready("broker", ok=False, reason="refused")
    assert health.reasons == ["broker: refused"]


def test_a_warning_is_said_and_leaves_a_process_ready() -> None:
    health = Health("store")
    health.set_ready("store", ok=True)
    assert health.report() == {"ready": True, "reasons": []}
    health.warn("rules", ["a.toml:1: wrong", "b.toml:2: wrong"])
    assert health.report() == {
        "ready": True,
        "reasons": [],
        "warnings": ["rules: a.toml:1: wrong", "rules: b.toml:2: wrong"],
    }


def test_log_lines_are_json_and_name_their_process(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="INFO"), "ingest")
    structlog.get_logger().debug("unseen")
    structlog.get_logger().info("seen", city="x")
    logging.getLogger("library").warning("said %s", "so")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["seen", "said so"]
    assert {line["process"] for line in lines} == {"ingest"}
    assert lines[0]["city"] == "x"
    assert lines[0]["level"] == "info"


def test_a_console_gets_words(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(json_lines=False), "api")
    structlog.get_logger().info("seen", city="x")
    assert "seen" in (said := capsys.readouterr().err)
    assert not said.startswith("{")
