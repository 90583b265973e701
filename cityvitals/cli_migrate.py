"""`cityvitals migrate`: bring the schema up to this build, or only look."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cityvitals.settings import load_settings

if TYPE_CHECKING:
    from cityvitals.store.migrate import Status

app = typer.Typer(invoke_without_command=True, help="Bring the database's schema up to this build.")

_UNFIT: Final = 1
"""Exit code where the processes would not start on the schema."""
_NAME: Final = "cityvitals migrate"

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be applied, and touch nothing.")
]
Wait = Annotated[
    float,
    typer.Option("--wait", min=0, help="Seconds to try again while others hold what is needed."),
]


@app.callback()
def migrate(context: typer.Context, dry_run: DryRun = False, wait: Wait = 60.0) -> None:  # noqa: FBT002
    """Bring the database's schema up to this build (`up`), or say how it is (`status`)."""
    if context.invoked_subcommand is None:
        _up(dry_run=dry_run, wait_s=wait)


@app.command()
def up(dry_run: DryRun = False, wait: Wait = 60.0) -> None:  # noqa: FBT002
    """Apply what is missing."""
    _up(dry_run=dry_run, wait_s=wait)


@app.command()
def status() -> None:
    """Say what is applied, missing or different; exit code 1 where processes would not start."""
    from cityvitals.store.upgrade import look  # noqa: PLC0415 (lazy, as in `cli`)

    found = asyncio.run(look(load_settings().database, _NAME))
    for migration in found.done:
        typer.echo(f"applied  {migration}")
    for migration in found.pending:
        typer.echo(f"pending  {migration}")
    _tell(found)


def _up(*, dry_run: bool, wait_s: float) -> None:
    from cityvitals.store.upgrade import look, upgrade  # noqa: PLC0415

    settings = load_settings()
    if dry_run:
        for migration in asyncio.run(look(settings.database, _NAME)).pending:
            typer.echo(f"-- would apply {migration}\n{migration.sql}")
        typer.echo("-- nothing was touched")
        return
    applied, found = asyncio.run(
        upgrade(settings.database, _NAME, wait_s, _say_waiting, settings.storage)
    )
    for migration in applied:
        typer.echo(f"applied {migration}")
    _tell(found)


def _say_waiting(why: str) -> None:
    typer.echo(why, err=True)


def _tell(found: "Status") -> None:
    for drift in found.drift:
        typer.echo(f"{'DRIFT' if drift.breaks else 'note'}: {drift}")
    if found.pending:
        typer.echo(f"{len(found.pending)} to apply: run `cityvitals migrate`")
    elif found.is_fit:
        typer.echo("the schema is current")
    if not found.is_fit:
        raise typer.Exit(_UNFIT)
