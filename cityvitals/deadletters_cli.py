"""`cityvitals deadletters`: what was rejected, looked at, tried again and removed."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from cityvitals.domain.outcome import Outcome, Reason
from cityvitals.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cityvitals.store.dead_letters import Filter
    from cityvitals.store.letter_box import Letter
    from cityvitals.store.pool import Pool
    from ingest.replaying import Replayed

app = typer.Typer(no_args_is_help=True, help="What was rejected: look, try again, remove.")

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_S: Final = 86_400 * 36_500
_T = TypeVar("_T")

City = Annotated[str, typer.Option(help="Only of this city.")]
Gateway = Annotated[str, typer.Option(help="Only of this gateway.")]
Why = Annotated[Reason | None, typer.Option(help="Only those rejected for this.")]


@app.command("list")
def list_(
    city: City = "",
    gateway: Gateway = "",
    reason: Why = None,
    since: Annotated[
        str, typer.Option(help="Only those that came within this: 90s, 30m, 12h, 7d.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one array.")] = False,  # noqa: FBT002
) -> None:
    """List dead letters, newest first."""
    from cityvitals.store.letter_box import list_letters  # noqa: PLC0415 (lazy: see cli.py)

    begin = _ago(since, "--since") if since else datetime.min.replace(tzinfo=UTC)
    which = _filter(city, gateway, reason)
    found = _run(lambda pool: list_letters(pool, which, begin, limit))
    if as_json:
        typer.echo(json.dumps([_as_dict(one) for one in found], indent=2))
        return
    for one in found:
        typer.echo(_line(one))
    if not found:
        typer.echo("no dead letters")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="As `list` names it.")],
) -> None:
    """Show all of a dead letter: payload as text, or as hexadecimal digits where it is none."""
    from cityvitals.store.letter_box import find_letter  # noqa: PLC0415

    found = _run(lambda pool: find_letter(pool, name))
    for key, value in _as_dict(found).items():
        typer.echo(f"{key + ':':<10}{_plain(str(value))}")
    kind, text = _payload(found.payload)
    typer.echo(f"payload:  {len(found.payload)} bytes, as {kind}\n{text}")


@app.command()
def replay(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="As `list` names them.")
    ] = None,
    city: City = "",
    gateway: Gateway = "",
    reason: Why = None,
    dry_run: Annotated[  # noqa: FBT002
        bool, typer.Option("--dry-run", help="Only decode them; change nothing.")
    ] = False,
) -> None:
    """Try dead letters again: those that can be taken now become readings.

    The ledger books them under gateway `replay` of their city.
    """
    which = _filter(city, gateway, reason)
    settings = load_settings().ingest

    async def work(pool: "Pool") -> "Replayed":
        from cityvitals.store.letter_box import find_letter  # noqa: PLC0415
        from ingest.replaying import replay as run  # noqa: PLC0415

        found = [await find_letter(pool, name) for name in names or ()]
        keys = {(one.hash, one.index) for one in found} if names else None
        return await run(pool, settings, which, keys, dry_run=dry_run, tell=_warn)

    done = _run(work)
    typer.echo(_foreseen(done) if dry_run else _became(done))


@app.command()
def purge(
    older_than: Annotated[
        str, typer.Option(help="Only those that last came before this: 90s, 30m, 12h, 30d.")
    ] = "",
    city: City = "",
    gateway: Gateway = "",
    reason: Why = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else only say what.")] = False,  # noqa: FBT002
) -> None:
    """Remove dead letters, and the bytes of messages that none refers to any more."""
    from cityvitals.store.dead_letters import count_aged  # noqa: PLC0415
    from cityvitals.store.dead_letters import purge as remove  # noqa: PLC0415

    if not (older_than or city or gateway or reason):
        raise typer.BadParameter(
            "say which: --older-than, --city, --gateway or --reason; --older-than 0s is all"
        )
    before = _ago(older_than or "0s", "--older-than")
    which = _filter(city, gateway, reason)
    if yes:
        typer.echo(f"removed {_run(lambda pool: remove(pool, which, before))} dead letters")
        return
    letters, messages = _run(lambda pool: count_aged(pool, which, before))
    typer.echo(f"would remove {letters} dead letters of {messages} messages: --yes does it")


def _became(done: "Replayed") -> str:
    counts = ", ".join(
        f"{done.outcomes[outcome]} {outcome.value}"
        for outcome in (Outcome.STORED, Outcome.DUPLICATE, Outcome.REVISED, Outcome.REJECTED)
    )
    return f"tried {done.letters} dead letters: {counts}{_why(done)}"


def _foreseen(done: "Replayed") -> str:
    bad = sum(done.reasons.values())
    return (
        f"would try {done.letters} dead letters: {done.readable} readings can be decoded, "
        f"{bad} cannot{_why(done)}"
    )


def _why(done: "Replayed") -> str:
    """Reasons in brackets, and what was refused."""
    reasons = ", ".join(f"{reason.value} {count}" for reason, count in done.reasons.most_common())
    refused = f"; {done.refused} refused: declarations" if done.refused else ""
    return (f" ({reasons})" if reasons else "") + refused


def _warn(line: str) -> None:
    typer.echo(line, err=True)


def _run(work: "Callable[[Pool], Awaitable[_T]]") -> _T:
    """What work on the store of our settings returns."""
    from cityvitals.store.migrate import require_current  # noqa: PLC0415
    from cityvitals.store.pool import open_pool  # noqa: PLC0415

    async def main() -> _T:
        async with open_pool(load_settings().database, "cityvitals deadletters") as pool:
            async with pool.acquire() as connection:
                await require_current(connection)
            return await work(pool)

    return asyncio.run(main())


def _filter(city: str, gateway: str, reason: Reason | None) -> "Filter":
    from cityvitals.store.dead_letters import Filter  # noqa: PLC0415

    return Filter(city, gateway, reason.value if reason else "")


def _ago(text: str, option: str) -> datetime:
    """The time that a duration ago was."""
    found = re.fullmatch(r"(\d{1,10})([smhd])", text, re.ASCII)
    seconds = int(found[1]) * _UNITS[found[2]] if found else _LONGEST_S + 1
    if seconds > _LONGEST_S:
        raise typer.BadParameter(
            f"{text!r} is no duration such as 90s, 30m, 12h or 30d", param_hint=option
        )
    return datetime.now(UTC) - timedelta(seconds=seconds)


def _as_dict(one: "Letter") -> dict[str, Any]:
    return {
        "id": one.id,
        "hash": one.hash.hex(),
        "index": one.index,
        "topic": one.topic,
        "city": one.city,
        "gateway": one.gateway,
        "reason": one.reason,
        "detail": one.detail,
        "times": one.times,
        "first": _iso(one.first_at),
        "last": _iso(one.last_at),
    }


def _line(one: "Letter") -> str:
    by = "/".join(part for part in (one.city, one.gateway) if part) or "-"
    words = _plain(f"{by} {one.reason}: {one.detail}")
    times = f"{_seconds(one.first_at)} {_seconds(one.last_at)} {one.times:>6}x"
    return f"{one.id:<16} {times} {words}"


def _payload(payload: bytes) -> tuple[str, str]:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return "hexadecimal digits", payload.hex()
    if all(one.isprintable() or one in "\n\t" for one in text):
        return "text", text
    return "hexadecimal digits", payload.hex()


def _plain(text: str) -> str:
    """Without what would steer a terminal: others chose topics and payloads."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _seconds(moment: datetime) -> str:
    return _iso(moment.replace(microsecond=0))
