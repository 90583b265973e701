"""`cityvitals db retention`: what the database keeps of raw readings, and letting go of it."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityvitals.settings import Settings, load_settings

if TYPE_CHECKING:
    from cityvitals.store.raw_drop import Partition
    from cityvitals.store.retention import CityStatus
    from cityvitals.store.retention_run import Done

app = typer.Typer(
    no_args_is_help=True, help="Raw readings of live cities, kept for `retention.days` days."
)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
) -> None:
    """Say where each city's seal stands, and which partitions are kept for whom."""
    settings = load_settings()
    cities, partitions = asyncio.run(_status(settings))
    shown = _json(cities, partitions) if as_json else _text(settings, cities, partitions)
    typer.echo(shown)


async def _status(settings: Settings) -> "tuple[list[CityStatus], list[Partition]]":
    from cityvitals.store.pool import ENDLESS, application, open_pool  # noqa: PLC0415
    from cityvitals.store.raw_drop import list_partitions  # noqa: PLC0415
    from cityvitals.store.retention import read_status  # noqa: PLC0415

    async with (
        open_pool(settings.database, application("retention"), ENDLESS) as pool,
        pool.acquire() as one,
    ):
        return await read_status(one), await list_partitions(one)


def _json(cities: "list[CityStatus]", partitions: "list[Partition]") -> str:
    def moment(value: Any) -> str | None:
        return None if value is None else value.isoformat()

    return json.dumps(
        {
            "cities": [
                {
                    "id": one.id,
                    "clock": one.clock,
                    "sealed_before": moment(one.sealed_before),
                    "dropped_before": moment(one.dropped_before),
                }
                for one in cities
            ],
            "partitions": [
                {
                    "name": one.name,
                    "begin": moment(one.begin),
                    "end": moment(one.end),
                    "bytes": one.bytes,
                    "kept": _reason(one),
                }
                for one in partitions
            ],
        }
    )


def _text(settings: Settings, cities: "list[CityStatus]", partitions: "list[Partition]") -> str:
    days = settings.retention.days
    lines = [
        "retention.days is not set: all readings are kept"
        if days is None
        else f"readings of live cities are kept for {days} days"
    ]
    for one in cities:
        sealed = "never" if one.sealed_before is None else f"{one.sealed_before:%Y-%m-%dT%H:%MZ}"
        gone = "never" if one.dropped_before is None else f"{one.dropped_before:%Y-%m-%dT%H:%MZ}"
        lines.append(f"{one.id}: {one.clock}, sealed before {sealed}, let go before {gone}")
    lines += [f"{one.name}: {one.bytes} bytes, {_reason(one)}" for one in partitions]
    return "\n".join(lines)


def _reason(one: "Partition") -> str:
    if one.pending:
        return "is being dropped"
    if one.may_go:
        return "may go"
    return "kept" if one.held_by is None else f"kept for {one.held_by}"


@app.command()
def run(
    dry_run: Annotated[  # noqa: FBT002
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
) -> None:
    """Raise seals and drop what may go now, as the aggregator does by itself now and then.

    What lies behind a seal goes only after the aggregator has let go of it.
    """
    for line in asyncio.run(_run(load_settings(), dry_run=dry_run)).lines:
        typer.echo(line)


async def _run(settings: Settings, *, dry_run: bool) -> "Done":
    import time  # noqa: PLC0415

    from cityvitals.store.pool import ENDLESS, application, open_pool  # noqa: PLC0415
    from cityvitals.store.retention_run import run_retention  # noqa: PLC0415

    now_us = time.time_ns() // 1000
    async with open_pool(settings.database, application("retention"), ENDLESS) as pool:
        return await run_retention(pool, settings.retention.days, now_us, dry_run=dry_run)
