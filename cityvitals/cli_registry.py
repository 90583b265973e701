"""`cityvitals registry`: what a city declares of itself, applied and shown."""

import asyncio
import getpass
import json
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityvitals.domain.times import EARLIEST_US, iso, to_us
from cityvitals.settings import Settings, load_settings

if TYPE_CHECKING:
    from cityvitals.store.fact_list import StoredFact

app = typer.Typer(no_args_is_help=True, help="What a city declares of itself.")


@app.command()
def apply(
    file: Annotated[
        Path,
        typer.Argument(
            help="TOML: all that a city declares. CSV: facts, or targets, of a known city."
        ),
    ],
    city: Annotated[
        str | None, typer.Option(help="Whose a CSV's facts are.  [default: the only city]")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who states them.  [default: the login name]")
    ] = None,
) -> None:
    """Apply a registry file; doing it again changes nothing."""
    is_table = file.suffix.lower() == ".csv"
    if city is not None and not is_table:
        raise typer.BadParameter("a TOML names its city itself", param_hint="--city")
    who = getpass.getuser() if by is None else by
    typer.echo(asyncio.run(_apply(load_settings(), file, city, who, is_table=is_table)))


async def _apply(
    settings: Settings, file: Path, city: str | None, by: str, *, is_table: bool
) -> str:
    from cityvitals.store.csv_tables import columns_of  # noqa: PLC0415 (lazy, as in `cli`)
    from cityvitals.store.fact_file import apply_facts  # noqa: PLC0415
    from cityvitals.store.pool import open_pool  # noqa: PLC0415
    from cityvitals.store.registry_file import apply_registry, read_text  # noqa: PLC0415
    from cityvitals.store.target_file import apply_targets  # noqa: PLC0415
    from kpi_rules.facts import wanted_units  # noqa: PLC0415
    from kpi_rules.load import load_all  # noqa: PLC0415
    from kpi_rules.scorecard.load import load_scorecard  # noqa: PLC0415
    from kpi_rules.scorecard.stating import judge_of, merged  # noqa: PLC0415

    card = load_scorecard()
    # A rule file that is broken is no matter here: whoever runs the rules says so.
    wanted = merged(wanted_units(load_all(settings.aggregator.rules).rules), card.wanted)
    async with open_pool(settings.database, "cityvitals registry") as pool:
        if not is_table:
            return str(await apply_registry(pool, file, wanted, judge_of(card), by))
        if "point" in columns_of(await read_text(file)):
            return str(await apply_targets(pool, file, city, judge_of(card), by))
        return str(await apply_facts(pool, file, city, wanted, by))


@app.command()
def show(
    city: Annotated[str, typer.Argument(help="Id of the city.")],
    at: Annotated[
        str | None,
        typer.Option(help="In force at this time (RFC 3339) or date (UTC).  [default: now]"),
    ] = None,
    every: Annotated[  # noqa: FBT002 (a flag)
        bool, typer.Option("--all", help="Of all dates, and what was put right since, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one fact a line.")] = False,  # noqa: FBT002
) -> None:
    """Show a city's facts: those in force, each with its source and quality."""
    moment_us = to_us(datetime.now(UTC) if at is None else _moment(at))
    facts = asyncio.run(_read(load_settings(), city, None if every else moment_us))
    for fact in facts:
        typer.echo(json.dumps(_json(fact)) if as_json else _text(fact))
    if not facts and not as_json:
        typer.echo(f"{city} has no facts{'' if every else ' in force'}")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time such as 2026-11-23T10:00:00Z, and no date", param_hint="--at"
        ) from None
    if found.tzinfo is None and found.time() != time():
        raise typer.BadParameter(f"{text!r} has no offset, such as Z", param_hint="--at")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _read(settings: Settings, city: str, at_us: int | None) -> "list[StoredFact]":
    from cityvitals.store.fact_list import in_force, read_facts  # noqa: PLC0415
    from cityvitals.store.pool import open_pool  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals registry") as pool, pool.acquire() as one:
        facts = await read_facts(one, city, withdrawn=at_us is None)
    return facts if at_us is None else in_force(facts, at_us)


def _since(fact: "StoredFact") -> str | None:
    return None if fact.from_us <= EARLIEST_US else iso(fact.from_us)


def _json(fact: "StoredFact") -> dict[str, Any]:
    return {
        "id": fact.id,
        "name": fact.name,
        "zone": fact.zone or None,
        "value": fact.value,
        "unit": fact.unit,
        "valid_from": _since(fact),
        "source": fact.source,
        "quality": fact.quality,
        "declared_by": fact.declared_by,
        "declared_at": fact.declared_at.isoformat(),
        "withdrawn_by": fact.withdrawn_by,
        "withdrawn_at": None if fact.withdrawn_at is None else fact.withdrawn_at.isoformat(),
    }


def _text(fact: "StoredFact") -> str:
    since = _since(fact)
    gone = "" if fact.withdrawn_at is None else f" · withdrawn {fact.withdrawn_at.isoformat()}"
    return (
        f"{fact.name} · {fact.zone or '(city)'} · {fact.value:g} {fact.unit} · "
        f"{f'from {since}' if since else 'ever since'} · {fact.quality} · {fact.source}{gone}"
    )
