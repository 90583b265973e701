"""`cityvitals db`: how much room the tables take, and compressing them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cityvitals.errors import SettingsError
from cityvitals.settings import Settings, load_settings

if TYPE_CHECKING:
    from cityvitals.store.sizes import Sizes, TableSize

app = typer.Typer(no_args_is_help=True, help="The database's room, and its compression.")

_LONGEST_S: Final = 6 * 3600.0
_SHOWN: Final = 8
"""Tables told of one by one; the rest are small."""
_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)


class Table(StrEnum):
    """What is kept in chunks."""

    READING = "reading"
    ROLLUP = "rollup"
    INDICATOR = "indicator"


@app.command()
def size(
    exact: Annotated[  # noqa: FBT002
        bool, typer.Option("--exact", help="Count readings instead of estimating; reads them all.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
) -> None:
    """Say what tables and a reading take, and what compression saves."""
    sizes = asyncio.run(_size(load_settings(), exact=exact))
    typer.echo(json.dumps(_json(sizes)) if as_json else _text(sizes))


async def _size(settings: Settings, *, exact: bool) -> "Sizes":
    from cityvitals.store.pool import open_pool  # noqa: PLC0415 (lazy, as in `cli`)
    from cityvitals.store.sizes import read_sizes  # noqa: PLC0415

    patient = settings.database.model_copy(update={"command_timeout_seconds": _LONGEST_S})
    async with open_pool(patient, "cityvitals db size") as pool, pool.acquire() as one:
        return await read_sizes(one, exact=exact)


def _json(sizes: "Sizes") -> dict[str, Any]:
    return {
        "engine": sizes.engine.value,
        "server": sizes.server,
        "flaw": sizes.flaw,
        "total_bytes": sizes.total_bytes,
        "bytes_per_reading": sizes.reading.bytes_per_row,
        "compression_ratio": sizes.reading.ratio,
        "tables": [
            {
                "name": one.name,
                "bytes": one.total_bytes,
                "key_bytes": one.keys_bytes,
                "rows": one.rows,
                "bytes_per_row": one.bytes_per_row,
                "parts": one.parts,
                "compressed_parts": one.compressed_parts,
                "compression_ratio": one.ratio,
            }
            for one in sizes.tables
        ],
    }


def _text(sizes: "Sizes") -> str:
    shown, rest = sizes.tables[:_SHOWN], sizes.tables[_SHOWN:]
    uncompressed = [f"nothing is compressed: {sizes.flaw}"] if sizes.flaw else []
    lines = [sizes.server, *uncompressed, *[_line(one) for one in shown]]
    if rest:
        lines.append(f"{len(rest)} more: {_bytes(sum(one.total_bytes for one in rest))}")
    each = sizes.reading.bytes_per_row
    reading = "no readings" if each is None else f"{each:.1f} bytes a reading"
    return "\n".join([*lines, f"total: {_bytes(sizes.total_bytes)}; {reading}"])


def _line(one: "TableSize") -> str:
    words = [f"{one.name}: {_bytes(one.total_bytes)}, {_bytes(one.keys_bytes)} of it keys"]
    if one.rows is not None and one.bytes_per_row is not None:
        words.append(f"about {one.rows:,} rows of {one.bytes_per_row:.1f} bytes")
    if one.compressed_parts:
        words.append(f"{one.compressed_parts} of {one.parts} chunks compressed")
    if one.ratio is not None:
        saved = f"{_bytes(one.before_bytes)} to {_bytes(one.after_bytes)}"
        words.append(f"from {saved} ({one.ratio:.1f} : 1)")
    return ", ".join(words)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024:  # noqa: PLR2004
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


@app.command()
def compress(
    table: Annotated[Table, typer.Option(help="What to compress.")] = Table.READING,
    begin: Annotated[
        str | None, typer.Option("--from", help="Only chunks that end after this: RFC 3339.")
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Only chunks that end by then.  [default: storage.compress_after_hours ago]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compress chunks now. On plain PostgreSQL there is no such thing, and it says so."""
    settings = load_settings()
    now = datetime.now(UTC)
    first, last = _range(settings, begin, end, now)
    count = asyncio.run(_compress(settings, table, first, last))
    typer.echo(f"{count} chunks of {table} that end by {last:%Y-%m-%dT%H:%MZ} are compressed")


def _range(
    settings: Settings, begin: str | None, end: str | None, now: datetime
) -> tuple[datetime, datetime]:
    """The range asked for; never what readings still in time may come to."""
    first = _instant(begin, "--from") if begin else _BEGINNING
    usual = now - timedelta(hours=settings.storage.compress_after_hours)
    last = _instant(end, "--to") if end else usual
    open_s = settings.aggregator.lateness_seconds + settings.aggregator.final_after_seconds
    if last > now - timedelta(seconds=open_s):
        raise SettingsError(
            f"--to {end}: readings count as in time for {open_s:g} s, and what they come to is not "
            "compressed: name an earlier time"
        )
    if first >= last:
        raise SettingsError(f"--from {begin} is not before --to ({last.isoformat()})")
    return first, last


def _instant(text: str, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r}: not RFC 3339, such as 2026-11-23T00:00Z") from None
    if found.tzinfo is None:
        raise SettingsError(f"{option} {text!r}: without a zone; say 2026-11-23T00:00Z for UTC")
    return found.astimezone(UTC)


async def _compress(settings: Settings, table: Table, begin: datetime, end: datetime) -> int:
    from cityvitals.store.compression import compress_range  # noqa: PLC0415
    from cityvitals.store.pool import open_pool  # noqa: PLC0415

    patient = settings.database.model_copy(update={"command_timeout_seconds": _LONGEST_S})
    count = 0
    async with open_pool(patient, "cityvitals db compress") as pool, pool.acquire() as one:
        async for chunk in compress_range(one, table, begin, end):
            typer.echo(f"compressed {chunk.begin:%Y-%m-%dT%H:%MZ} to {chunk.end:%Y-%m-%dT%H:%MZ}")
            count += 1
    return count
