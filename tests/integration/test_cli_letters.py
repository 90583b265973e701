"""The commands for dead letters and ledger, against a real PostgreSQL."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from cityvitals.cli import app
from cityvitals.errors import NotFound
from cityvitals.settings import DatabaseSettings
from tests.conformance.test_letters import keep, rejection
from tests.integration.readings import opened


def cityvitals(*words: str) -> str:
    answer = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_commands(database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fill() -> None:
        async with opened(database) as pool:
            bad = rejection(0, payload=b"\xff\x00")
            await keep(pool, rejection(1), rejection(2), bad)

    asyncio.run(fill())
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", database.dsn.get_secret_value())
    lines = cityvitals("deadletters", "list", "--gateway", "gw", "--json").splitlines()
    found = {json.loads(line)["id"] for line in lines}
    assert len(found) == 3
    shown = [json.loads(cityvitals("deadletters", "show", one, "--json")) for one in found]
    assert [one["payload_hex"] for one in shown if "payload_hex" in one] == ["ff00"]
    assert "not_allowed" in cityvitals("deadletters", "list", "--since", "3650d")
    spoilt = next(each["id"] for each in shown if "payload_hex" in each)
    one = next(each["id"] for each in shown if each["id"].endswith(":1"))
    assert "1 dead letters: 1 stored" not in cityvitals("deadletters", "replay", one, "--dry-run")
    assert "1 dead letters: 1 stored" in cityvitals("deadletters", "replay", one)
    assert "1 rejected" in cityvitals("deadletters", "replay", "--reason", "not_allowed")
    assert "payload_hex: ff00" in cityvitals("deadletters", "show", spoilt)
    every = ("deadletters", "purge", "--older-than", "0s")
    assert cityvitals(*every) == "would purge 1 dead letters: --yes does it\n"
    assert "purged 1 dead letters" in cityvitals(*every, "--yes")
    assert "it adds up" in cityvitals("ledger")
    assert json.loads(cityvitals("ledger", "--json"))["total"]["rejected"] == 4
    misspelt = CliRunner().invoke(app, ["ledger", "--city", "nowhere"])
    assert isinstance(misspelt.exception, NotFound)
    assert "there is no city 'nowhere'" in str(misspelt.exception)


def test_nothing_is_purged_without_saying_what() -> None:
    answer = CliRunner().invoke(app, ["deadletters", "purge", "--yes"])
    assert answer.exit_code == 2
    assert "--older-than 0s is all" in " ".join(answer.output.replace("│", "").split())


def test_a_time_that_is_none_is_refused() -> None:
    answer = CliRunner().invoke(app, ["deadletters", "list", "--since", "yesterday"])
    assert answer.exit_code == 2
