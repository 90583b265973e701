"""`cityvitals rules diff`: what edited rules would do to stored history."""

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from cityvitals.domain.times import EARLIEST_US, LATEST_US, to_us
from cityvitals.settings import load_settings


def diff(
    path: Annotated[Path, typer.Argument(help="An edited rule file, or a folder of some.")],
    city: Annotated[str | None, typer.Option(help="Only this city.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only windows that begin then or later: a date or RFC 3339.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only windows that begin before.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for each.")] = False,  # noqa: FBT002
) -> None:
    """Say what edited rules would do to stored history. Nothing is written.

    By rule and city: how many final windows there are, how many values would change, the largest
    change, the bands that would be others. What is stored is recomputed from rollups by the same
    interpreter as in `verify`.
    """
    from cityvitals.verify.diff import run  # noqa: PLC0415 (lazy, as in `cli`)
    from cityvitals.verify.proposal import Scope  # noqa: PLC0415

    scope = Scope(
        EARLIEST_US if since is None else moment(since, "--since"),
        LATEST_US if until is None else moment(until, "--until"),
    )
    typer.echo(run(load_settings().database, path, city, scope, as_json=as_json))


def moment(text: str, option: str) -> int:
    """Microseconds of a date, or of a time with its offset; `option` is named where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time such as 2026-11-23T10:00:00Z, and no date", param_hint=option
        ) from None
    if found.tzinfo is None and found.time() != time():
        raise typer.BadParameter(f"{text!r} has no offset, such as Z", param_hint=option)
    return to_us(found if found.tzinfo else found.replace(tzinfo=UTC))
