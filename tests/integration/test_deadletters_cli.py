"""`cityvitals deadletters` as it is typed, and as docs/operations.md has it typed."""

import asyncio
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cityvitals.cli import app
from cityvitals.domain.outcome import Reason
from cityvitals.errors import NotFound, SettingsError
from cityvitals.settings import DatabaseSettings
from cityvitals.store.dead_letters import letter_hash
from cityvitals.store.pool import open_pool
from cityvitals.wire import topic as topics
from tests.integration.test_dead_letters import CAME_US, TOPIC, keep, pack, rejection

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
GOOD = pack(1.0, 2.0)
POISON = b"\x00\xff\x1b[2J"


def short(payload: bytes, index: int = 0) -> str:
    return f"{letter_hash(TOPIC, payload).hex()[:12]}:{index}"


@pytest.fixture(autouse=True)
def _kept(database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readings of one message, and poison that came after them."""
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", database.dsn.get_secret_value())

    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            await keep(pool, rejection(0, GOOD), rejection(1, GOOD))
            later = CAME_US + 1_000_000
            await keep(
                pool,
                rejection(0, POISON, reason=Reason.UNDECODABLE, at_us=later, whole=True),
            )

    asyncio.run(main())


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, ["deadletters", *words])


def said(*words: str) -> str:
    done = typed(*words)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_list_is_newest_first_and_filtered() -> None:
    lines = said("list").splitlines()
    assert [line.split()[0] for line in lines] == [short(POISON), short(GOOD, 1), short(GOOD)]
    assert lines[1].split(maxsplit=1)[1] == (
        "2026-11-23T10:15:00Z 2026-11-23T10:15:00Z      1x town/gw not_allowed: why"
    )
    assert len(said("list", "--limit", "1").splitlines()) == 1
    [one] = json.loads(said("list", "--reason", "undecodable", "--json"))
    assert (one["id"], one["times"], one["topic"]) == (short(POISON), 1, TOPIC)
    assert one["last"] == "2026-11-23T10:15:01Z"
    assert said("list", "--city", "elsewhere") == "no dead letters\n"
    assert said("list", "--gateway", "gw", "--since", "36500d").count("\n") == 3


def test_show_tells_everything() -> None:
    text = said("show", short(GOOD, 1))
    assert f"topic:    {TOPIC}" in text
    assert GOOD.decode() in text
    assert POISON.hex() in said("show", short(POISON))
    assert "\x1b" not in said("show", short(POISON))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nonsense", SettingsError),
        ("3f2a9c01d4e7", SettingsError),
        ("3f2a9c01d4e7:0", NotFound),
        (f"{'0' * 12}:99999999999", NotFound),
    ],
)
def test_ids_that_name_nothing(name: str, error: type[Exception]) -> None:
    assert isinstance(typed("show", name).exception, error)
    assert isinstance(typed("replay", name).exception, error)


def test_replay_says_what_became_of_how_many() -> None:
    assert said("replay", "--dry-run") == (
        "would try 3 dead letters: 2 readings can be decoded, 1 cannot (undecodable 1)\n"
    )
    assert said("replay", short(GOOD, 1)) == (
        "tried 1 dead letters: 1 stored, 0 duplicate, 0 revised, 0 rejected\n"
    )
    assert said("replay") == (
        "tried 2 dead letters: 1 stored, 0 duplicate, 0 revised, 1 rejected (undecodable 1)\n"
    )
    assert len(said("list").splitlines()) == 1


def test_purge_only_counts_until_it_is_told_to() -> None:
    assert typed("purge", "--yes").exit_code == 2
    assert typed("purge", "--older-than", "soon").exit_code == 2
    one = ("purge", "--older-than", "0s", "--reason", "not_allowed")
    assert said(*one) == "would remove 2 dead letters of 1 messages: --yes does it\n"
    assert len(said("list").splitlines()) == 3
    assert said(*one, "--yes") == "removed 2 dead letters\n"
    assert len(said("list").splitlines()) == 1


def test_a_declaration_is_refused_by_name(database: DatabaseSettings) -> None:
    meta = topics.format(topics.CityMeta("town"))

    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            await keep(pool, rejection(0, b"{", topic=meta, reason=Reason.UNDECODABLE))

    asyncio.run(main())
    output = said("replay", "--reason", "undecodable")
    assert f"'{meta}' declares something and holds no readings" in output
    assert "; 1 refused: declarations" in output


def test_the_documented_commands_run() -> None:
    lines = re.findall(r"^\.venv/bin/cityvitals deadletters (.+)$", PAGE.read_text(), re.MULTILINE)
    assert {line.split()[0] for line in lines} == {"list", "show", "replay", "purge"}
    example = letter_hash(TOPIC, GOOD).hex()[:12]
    for line in lines:
        said(*shlex.split(line.replace("3f2a9c01d4e7", example)))
