"""The command line: each command imports its process only when it runs."""

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
from cityvitals.cli_targets import targets
from cityvitals.cli_token import app as token_app
from cityvitals.errors import CityVitalsError
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
def aggregate() -> None:
    """Derive indicators from committed readings."""
    from aggregator.main import run  # noqa: PLC0415

    _exit(run(load_settings()))


@app.command()
def api() -> None:
    """Serve indicators over HTTP, and the page."""
    from api.main import run  # noqa: PLC0415

    _exit(run(load_settings()))


@app.command()
def simulate(  # noqa: PLR0913, PLR0917 (one argument for each option)
    replay: Annotated[Path | None, typer.Option(help="Play this recorded file.")] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="What its columns mean: a TOML file, or the name of a shipped one."),
    ] = None,
    speed: Annotated[
        str, typer.Option(help="Event seconds per second in a replay, or max.")
    ] = "max",
    city: Annotated[str | None, typer.Option(help="Play as this city id.")] = None,
    seeded: Annotated[
        Path | None,
        typer.Option(
            help="The seeded city: a TOML file, or the name of a shipped one.  [default: vitalia]",
            show_default=False,
        ),
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option(help="What befalls it: a TOML file, or the name of a shipped one."),
    ] = None,
    shorten: Annotated[
        float, typer.Option(min=1, help="Play the scenario in so many times less event time.")
    ] = 1.0,
    cities: Annotated[
        int, typer.Option(min=1, max=64, help="So many seeded cities, each of its own seed.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="What the seeded city's values follow from.")] = 1,
    history_hours: Annotated[
        float, typer.Option(min=0, help="Send so much of the seeded city's past first.")
    ] = 0.0,
    live: Annotated[bool, typer.Option(help="Go on publishing until stopped.")] = True,  # noqa: FBT002
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many readings.")] = None,
    scale: Annotated[int, typer.Option(min=1, help="Sensors, as a multiple.")] = 1,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="API", help="Then ask this API whether all of it arrived and was derived."
        ),
    ] = None,
    still: Annotated[
        float, typer.Option(min=1, help="Seconds without a change after which a check judges.")
    ] = 20.0,
    report: Annotated[Path | None, typer.Option(help="Write a summary here, as JSON.")] = None,
    write_registry: Annotated[
        Path | None,
        typer.Option(help="Only write what `registry apply` takes of the seeded city, here."),
    ] = None,
) -> None:
    """Play a seeded city, a scenario, or recorded data by a mapping, over MQTT."""
    from simulator.main import run  # noqa: PLC0415
    from simulator.options import Options  # noqa: PLC0415

    options = Options(
        replay=replay,
        mapping=mapping,
        speed=_speed(speed),
        city=city,
        seeded=seeded,
        scenario=scenario,
        shorten=shorten,
        cities=cities,
        seed=seed,
        history_hours=history_hours,
        live=live,
        limit=limit,
        scale=scale,
        report=report,
        check=check,
        still_s=still,
        registry=write_registry,
    )
    _exit(run(load_settings(), options))


def _speed(text: str) -> float | None:
    """None for max; a positive number otherwise."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise typer.BadParameter(
            f"{text!r} is neither a positive number nor max", param_hint="--speed"
        )
    return speed


@app.command()
def load(  # noqa: PLR0913, PLR0917 (one argument for each option)
    city: Annotated[
        str, typer.Option(help="Send as this city; best one without readings.")
    ] = "load",
    sensors: Annotated[int, typer.Option(min=1, help="Sensors, of ten series each.")] = 100,
    pack: Annotated[int, typer.Option(min=1, max=500, help="Readings a message.")] = 50,
    rate: Annotated[
        float, typer.Option(min=0, help="Readings a second; 0: as fast as acknowledged.")
    ] = 0.0,
    duration: Annotated[
        float | None,
        typer.Option(help="Seconds.  [default: 60, or until --count]", show_default=False),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many readings.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="What values, stamps and order follow from.")
    ] = 1,
    connections: Annotated[int, typer.Option(min=1, max=64, help="MQTT connections.")] = 1,
    in_flight: Annotated[
        int, typer.Option(min=1, max=10_000, help="Unacknowledged messages a connection.")
    ] = 500,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share sent again.")] = 0.0,
    revisions: Annotated[float, typer.Option(min=0, max=1, help="Share with new values.")] = 0.0,
    poison: Annotated[float, typer.Option(min=0, max=1, help="Share that is spoilt.")] = 0.0,
    reorder: Annotated[float, typer.Option(min=0, max=1, help="Share out of order.")] = 0.0,
    seq: Annotated[bool, typer.Option("--seq", help="Number readings, per gateway.")] = False,  # noqa: FBT002
    declare: Annotated[bool, typer.Option(help="Declare city and devices first.")] = True,  # noqa: FBT002
    payload: Annotated[str, typer.Option("--format", help="Payload format: json.")] = "json",
    report: Annotated[Path | None, typer.Option(help="Write the summary here, as JSON.")] = None,
) -> None:
    """Send as many readings as wanted, and say what must become of them."""
    from simulator.load.main import Options, run  # noqa: PLC0415
    from simulator.load.order import Shares  # noqa: PLC0415

    options = Options(
        city=city,
        sensors=sensors,
        pack=pack,
        rate=rate,
        duration_s=duration,
        count=count,
        seed=seed,
        connections=connections,
        in_flight=in_flight,
        shares=Shares(duplicates, revisions, poison, reorder),
        numbered=seq,
        declare=declare,
        payload=payload,
        report=report,
    )
    _exit(run(load_settings(), options))


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
    from deploy.local.plan import Options  # noqa: PLC0415
    from deploy.local.up import run  # noqa: PLC0415

    settings = load_settings()
    changed: dict[str, object] = {} if data is None else {"data": data}
    if port is not None:
        changed["api"] = settings.api.model_copy(update={"port": port})
    options = Options(simulator, history_hours, database_port)
    _exit(run(settings.model_copy(update=changed), options))
