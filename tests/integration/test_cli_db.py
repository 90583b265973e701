"""`cityvitals db` on both engines: what tables take, and compressing them."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cityvitals.cli import app
from cityvitals.domain.times import from_us
from cityvitals.errors import SettingsError, UnfitServer
from cityvitals.settings import DatabaseSettings
from tests.integration.readings import BEGIN_US, Row, batch, opened, writer

DAY_US = 24 * 3_600_000_000
ROWS: list[Row] = [
    (day * DAY_US + step * 1_000_000, one, float(step % 7), 0)
    for day in (-40, -39)
    for step in range(500)
    for one in (1, 2, 3)
]
"""Two days' readings, weeks ago."""


def cityvitals(*words: str) -> str:
    answer = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def sizes(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cityvitals("db", "size", "--json", *words))
    return found


def reading(found: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in found["tables"] if one["name"] == "reading")


@pytest.fixture
def fill(monkeypatch: pytest.MonkeyPatch) -> Any:
    def filled(database: DatabaseSettings, rows: list[Row] = ROWS) -> None:
        async def main() -> None:
            async with opened(database) as pool:
                await (await writer(pool)).commit(batch(rows))

        monkeypatch.setenv("CITYVITALS_DATABASE__DSN", database.dsn.get_secret_value())
        asyncio.run(main())

    return filled


def test_plain_postgresql_tells_sizes_and_that_it_compresses_nothing(
    database: DatabaseSettings, fill: Any
) -> None:
    fill(database, [])
    assert sizes()["bytes_per_reading"] is None
    assert "; no readings" in cityvitals("db", "size")
    fill(database)
    found = sizes()  # nothing is analysed yet, so it counts
    assert found["engine"] == "postgresql"
    assert found["compression_ratio"] is None
    table = reading(found)
    assert (table["rows"], table["parts"], table["compressed_parts"]) == (3000, 1, 0)
    assert 60 < found["bytes_per_reading"] < 200
    assert table["bytes"] == round(found["bytes_per_reading"] * 3000)
    assert sum(one["bytes"] for one in found["tables"]) == found["total_bytes"]
    assert sizes("--exact")["bytes_per_reading"] == found["bytes_per_reading"]
    told = cityvitals("db", "size")
    assert "reading: " in told
    assert "nothing is compressed: the server has no TimescaleDB: install its package" in told
    with pytest.raises(UnfitServer, match="plain PostgreSQL, which compresses no tables"):
        cityvitals("db", "compress")


def test_compressing_a_range_compresses_the_chunks_that_end_in_it(
    hypertables: DatabaseSettings, fill: Any
) -> None:
    fill(hypertables)
    before = sizes()
    assert before["engine"] == "timescaledb"
    assert (before["flaw"], reading(before)["compressed_parts"]) == ("", 0)
    first = from_us(BEGIN_US - 39 * DAY_US).strftime("%Y-%m-%dT00:00Z")
    assert "1 chunks of reading" in cityvitals("db", "compress", "--to", first)
    assert reading(sizes())["compressed_parts"] == 1
    assert "2 chunks of reading" in cityvitals("db", "compress")
    after = sizes("--exact")
    assert (reading(after)["rows"], reading(after)["compressed_parts"]) == (3000, 2)
    assert after["compression_ratio"] > 1
    assert after["bytes_per_reading"] < before["bytes_per_reading"]
    assert "2 of 2 chunks compressed" in cityvitals("db", "size")
    assert "0 chunks of rollup" in cityvitals("db", "compress", "--table", "rollup")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "2999-01-01T00:00Z"], "name an earlier time"),
        (["--to", "yesterday"], "not RFC 3339"),
        (["--to", "2026-01-01T00:00"], "without a zone"),
        (["--from", "2026-01-02T00:00Z", "--to", "2026-01-01T00:00Z"], "is not before --to"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(words: list[str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        cityvitals("db", "compress", *words)
