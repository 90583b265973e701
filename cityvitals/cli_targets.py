"""`cityvitals registry targets`: what a city aims at, by whose word, and what it was before."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cityvitals.settings import Settings, load_settings

_Row = Mapping[str, Any]


def targets(
    city: Annotated[str, typer.Argument(help="Id of the city.")],
    every: Annotated[  # noqa: FBT002 (a flag)
        bool, typer.Option("--all", help="What was put right since, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one target a line.")] = False,  # noqa: FBT002
) -> None:
    """Show a city's targets of all dates, each with its source."""
    found = asyncio.run(_read(load_settings(), city, withdrawn=every))
    for row in found:
        typer.echo(json.dumps(_json(row)) if as_json else _text(row))
    if not found and not as_json:
        typer.echo(f"{city} has no targets")


async def _read(settings: Settings, city: str, *, withdrawn: bool) -> Sequence[_Row]:
    from cityvitals.store.pool import open_pool  # noqa: PLC0415 (lazy, as in `cli`)
    from cityvitals.store.targets import read_targets  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals registry") as pool, pool.acquire() as one:
        return await read_targets(one, city, withdrawn=withdrawn)


def _json(row: _Row) -> dict[str, Any]:
    times = ("valid_from", "declared_at", "withdrawn_at")
    return {
        key: value.isoformat() if key in times and value is not None else value
        for key, value in row.items()
    }


def _text(row: _Row) -> str:
    begin = row["valid_from"]
    since = "ever since" if begin is None else f"from {begin.isoformat()}"
    start = "" if row["start"] is None else f" from {row['start']:g}"
    gone = "" if row["withdrawn_at"] is None else f" · withdrawn {row['withdrawn_at'].isoformat()}"
    by = f" · by {row['declared_by']}" if row["declared_by"] else ""
    return (
        f"{row['point']} · {row['value']:g}{start} {row['unit']} · {since} · "
        f"{row['source']}{by}{gone}"
    )
