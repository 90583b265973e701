"""`cityvitals deadletters`: what was rejected, shown, replayed and thrown away."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cityvitals.settings import Settings, load_settings

if TYPE_CHECKING:
    from cityvitals.store.letter_box import Row, Wanted

app = typer.Typer(no_args_is_help=True, help="What was rejected, with reason and bytes.")

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SPAN: Final = re.compile(r"(\d{1,6})([smhd])\Z")
City = Annotated[str | None, typer.Option(help="Only of this city.")]
Gateway = Annotated[str | None, typer.Option(help="Only of this gateway.")]
Reason = Annotated[str | None, typer.Option(help="Only with this reason, such as not_allowed.")]
Since = Annotated[
    str | None, typer.Option(help="Only what came last since: RFC 3339, or 30m, 12h, 7d ago.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids as `list` shows them.")]


@app.command("list")
def list_(
    city: City = None,
    gateway: Gateway = None,
    reason: Reason = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """List dead letters, those that came last first."""
    wanted = _wanted(city, gateway, reason, since)
    for row in asyncio.run(_list(load_settings(), wanted, limit)):
        shown = _fields(row)
        typer.echo(json.dumps(shown) if as_json else _line(shown))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Show all of one dead letter; bytes that are no text in hexadecimal."""
    row, payload = asyncio.run(_show(load_settings(), name))
    shown = _fields(row) | {"hash": row["hash"].hex(), "topic": row["topic"]} | _payload(payload)
    if as_json:
        typer.echo(json.dumps(shown))
        return
    for field, value in shown.items():
        said = str(value) if field == "payload" else _plain(str(value))
        typer.echo(f"{field}: {said}")


@app.command()
def replay(
    ids: Ids = None,
    city: City = None,
    gateway: Gateway = None,
    reason: Reason = None,
    since: Since = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,  # noqa: FBT002
) -> None:
    """Take dead letters in again; what fails again stays, with the new reason."""
    from ingest.replaying import replay as run  # noqa: PLC0415 (lazy, as in `cli`)

    wanted = _wanted(city, gateway, reason, since, ids=ids)
    typer.echo(str(asyncio.run(run(load_settings(), wanted, dry_run=dry_run))))


@app.command()
def purge(
    ids: Ids = None,
    older_than: Annotated[
        str | None, typer.Option(help="Only what came last before: RFC 3339, or 30d ago.")
    ] = None,
    city: City = None,
    gateway: Gateway = None,
    reason: Reason = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else only say what.")] = False,  # noqa: FBT002
) -> None:
    """Throw dead letters away for good."""
    if not (ids or older_than or city or gateway or reason):
        raise typer.BadParameter(
            "say which: ids, --older-than, --city, --gateway or --reason; --older-than 0s is all"
        )
    wanted = _wanted(city, gateway, reason, None, older_than, ids)
    if yes:
        typer.echo(f"purged {asyncio.run(_purge(load_settings(), wanted))}")
        return
    typer.echo(f"would purge {asyncio.run(_count(load_settings(), wanted))}: --yes does it")


def _wanted(
    city: str | None,
    gateway: str | None,
    reason: str | None,
    since: str | None,
    before: str | None = None,
    ids: list[str] | None = None,
) -> "Wanted":
    from cityvitals.store.letter_box import Wanted  # noqa: PLC0415

    return Wanted(
        city,
        gateway,
        reason,
        _moment(since, "--since"),
        _moment(before, "--older-than"),
        tuple(ids or ()),
    )


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    span = _SPAN.match(text)
    if span is not None:
        return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} is neither RFC 3339 with a time zone nor such as 30m, 12h, 7d",
            param_hint=option,
        )
    return moment


async def _list(settings: Settings, wanted: "Wanted", limit: int) -> "list[Row]":
    from cityvitals.store.letter_box import list_letters  # noqa: PLC0415
    from cityvitals.store.pool import open_pool  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals deadletters") as pool:
        return list(await list_letters(pool, wanted, limit))


async def _show(settings: Settings, name: str) -> "tuple[Row, bytes]":
    from cityvitals.store.letter_box import read_letter  # noqa: PLC0415
    from cityvitals.store.pool import open_pool  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals deadletters") as pool:
        return await read_letter(pool, name)


async def _count(settings: Settings, wanted: "Wanted") -> str:
    from cityvitals.store.letter_box import count_letters  # noqa: PLC0415
    from cityvitals.store.pool import open_pool  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals deadletters") as pool:
        return f"{await count_letters(pool, wanted)} dead letters"


async def _purge(settings: Settings, wanted: "Wanted") -> str:
    from cityvitals.store.letter_box import purge as throw_away  # noqa: PLC0415
    from cityvitals.store.pool import open_pool  # noqa: PLC0415

    async with open_pool(settings.database, "cityvitals deadletters") as pool:
        return str(await throw_away(pool, wanted))


def _fields(row: "Row") -> dict[str, Any]:
    from cityvitals.store.letter_box import letter_id  # noqa: PLC0415

    shown: dict[str, Any] = {"id": letter_id(row)}
    for name in ("city", "gateway", "reason", "detail", "times"):
        shown[name] = row[name]
    for name in ("first_at", "last_at", "replayed_at"):
        shown[name] = row[name].isoformat() if row[name] else None
    return shown


def _line(shown: dict[str, Any]) -> str:
    who = f"{shown['city'] or '-'}/{shown['gateway'] or '-'}"
    when = f"{shown['first_at']} .. {shown['last_at']}"
    line = f"{shown['id']}  {who}  {shown['reason']}  {shown['times']}x  {when}  {shown['detail']}"
    return _plain(line)


def _plain(text: str) -> str:
    """What a gateway sent may hold control characters, which a terminal would obey."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _payload(payload: bytes) -> dict[str, str]:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return {"payload_hex": payload.hex()}
    printable = all(one.isprintable() or one in "\n\t" for one in text)
    return {"payload": text} if printable else {"payload_hex": payload.hex()}
