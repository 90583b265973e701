"""`cityvitals ledger`: what became of everything received."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cityvitals.settings import Settings, load_settings

if TYPE_CHECKING:
    from cityvitals.store.ledger_view import LedgerView, Line

_OPEN: Final = 1
"""Exit code where the ledger does not add up."""


def ledger(
    city: Annotated[str | None, typer.Option(help="Only this city.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
) -> None:
    """Say what became of everything received, and whether it adds up."""
    view = asyncio.run(_read(load_settings(), city))
    typer.echo(json.dumps(_json(view)) if as_json else _text(view))
    if not view.closes:
        raise typer.Exit(_OPEN)


async def _read(settings: Settings, city: str | None) -> "LedgerView":
    from cityvitals.store.ledger_view import read_ledger  # noqa: PLC0415 (lazy, as in `cli`)
    from cityvitals.store.pool import open_pool  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals ledger") as pool, pool.acquire() as one:
        return await read_ledger(one, city)


def _json(view: "LedgerView") -> dict[str, object]:
    return {
        "gateways": [
            {"city": line.city, "gateway": line.gateway, **line.counts} for line in view.lines
        ],
        "total": view.total.counts,
        "closes": view.closes,
        "in_flight": {"messages": view.in_flight, "workers": view.workers},
    }


def _text(view: "LedgerView") -> str:
    lines = [_line(f"{one.city or '-'}/{one.gateway or '-'}", one) for one in view.lines]
    verdict = "it adds up" if view.closes else "IT DOES NOT ADD UP"
    flight = f"in flight: {view.in_flight} messages in {view.workers} workers, all cities"
    return "\n".join([*lines, _line("total", view.total), flight, verdict])


def _line(name: str, line: "Line") -> str:
    return name + ": " + ", ".join(f"{count} {what}" for what, count in line.counts.items())
