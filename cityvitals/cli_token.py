"""`cityvitals token`: who may use the API."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityvitals.domain.names import is_identifier
from cityvitals.settings import Settings, load_settings

if TYPE_CHECKING:
    from cityvitals.store.views import Row

app = typer.Typer(no_args_is_help=True, help="Who may use the API.")


class Scope(StrEnum):
    """What a token allows; alerts, facts and admin allow reading, too, and admin everything."""

    READ = "read"
    ALERTS = "alerts"
    FACTS = "facts"
    ADMIN = "admin"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what it is for, as the audit shows it.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it allows; may be repeated.  [default: read]")
    ] = None,
    city: Annotated[
        list[str] | None, typer.Option(help="Only for this city; may be repeated.  [default: all]")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="How long.  [default: until revoked]")
    ] = None,
) -> None:
    """Make a token and print it; it is shown this once, since only its hash is kept."""
    for each in city or ():
        if not is_identifier(each):
            raise typer.BadParameter(f"{each!r} is no city's id", param_hint="--city")
    until = None if days is None else datetime.now(UTC) + timedelta(days=days)
    scopes = sorted({str(each) for each in scope or (Scope.READ,)})
    typer.echo(asyncio.run(_create(load_settings(), name, scopes, city or None, until)))


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one a line.")] = False,  # noqa: FBT002
) -> None:
    """List tokens, those in force first; their secrets are known to nobody."""
    rows = asyncio.run(_list(load_settings()))
    for row in rows:
        shown = {name: _plain(row[name]) for name in row.keys()}  # noqa: SIM118 (a record)
        typer.echo(json.dumps(shown) if as_json else _line(shown))
    if not rows and not as_json:
        typer.echo("there are no tokens")


@app.command()
def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
) -> None:
    """Have a token not be in force any more; within five seconds no API takes it."""
    asyncio.run(_revoke(load_settings(), identity))
    typer.echo(f"{identity} revoked")


async def _create(
    settings: Settings,
    name: str,
    scopes: Sequence[str],
    cities: Sequence[str] | None,
    until: datetime | None,
) -> str:
    from cityvitals.store.pool import open_pool  # noqa: PLC0415 (lazy, as in `cli`)
    from cityvitals.store.tokens import create_token  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals token") as pool:
        return await create_token(pool, name, scopes, cities, until)


async def _list(settings: Settings) -> "Sequence[Row]":
    from cityvitals.store.pool import open_pool  # noqa: PLC0415
    from cityvitals.store.tokens import list_tokens  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals token") as pool:
        return await list_tokens(pool)


async def _revoke(settings: Settings, identity: str) -> None:
    from cityvitals.store.pool import open_pool  # noqa: PLC0415
    from cityvitals.store.tokens import revoke_token  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals token") as pool:
        await revoke_token(pool, identity)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _line(shown: dict[str, Any]) -> str:
    cities = "all cities" if shown["cities"] is None else ", ".join(shown["cities"])
    until = f" until {shown['expires_at']}" if shown["expires_at"] else ""
    gone = f" · revoked {shown['revoked_at']}" if shown["revoked_at"] else ""
    scopes = ", ".join(shown["scopes"])
    return f"{shown['id']} · {shown['name']} · {scopes} · {cities}{until}{gone}"
