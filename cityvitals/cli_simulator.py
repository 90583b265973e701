"""`cityvitals simulate` and `cityvitals load`: cities that are not there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cityvitals.settings import load_settings

if TYPE_CHECKING:
    from simulator.load.order import Shares
    from simulator.load.ramp import Ramp

_SimulateReplay = Annotated[Path | None, typer.Option(help="Play this recorded file.")]
_SimulateMapping = Annotated[
    Path | None,
    typer.Option(help="What its columns mean: a TOML file, or the name of a shipped one."),
]
_SimulateSpeed = Annotated[str, typer.Option(help="Event seconds per second in a replay, or max.")]
_SimulateCity = Annotated[str | None, typer.Option(help="Play as this city id.")]
_SimulateSeeded = Annotated[
    Path | None,
    typer.Option(
        help="The seeded city: a TOML file, or the name of a shipped one.  [default: vitalia]",
        show_default=False,
    ),
]
_SimulateScenario = Annotated[
    Path | None,
    typer.Option(help="What befalls it: a TOML file, or the name of a shipped one."),
]
_SimulateShorten = Annotated[
    float, typer.Option(min=1, help="Play the scenario in so many times less event time.")
]
_SimulateCities = Annotated[
    int, typer.Option(min=1, max=64, help="So many seeded cities, each of its own seed.")
]
_SimulateSeed = Annotated[int, typer.Option(help="What the seeded city's values follow from.")]
_SimulateHistoryHours = Annotated[
    float, typer.Option(min=0, help="Send so much of the seeded city's past first.")
]
_SimulateLive = Annotated[bool, typer.Option(help="Go on publishing until stopped.")]
_SimulateLimit = Annotated[int | None, typer.Option(min=1, help="Stop after so many readings.")]
_SimulateScale = Annotated[int, typer.Option(min=1, help="Sensors, as a multiple.")]
_SimulateCheck = Annotated[
    str | None,
    typer.Option(
        metavar="API", help="Then ask this API whether all of it arrived and was derived."
    ),
]
_SimulateStill = Annotated[
    float, typer.Option(min=1, help="Seconds without a change after which a check judges.")
]
_SimulateReport = Annotated[Path | None, typer.Option(help="Write a summary here, as JSON.")]
_SimulateWriteRegistry = Annotated[
    Path | None,
    typer.Option(help="Only write what `registry apply` takes of the seeded city, here."),
]
_LoadCity = Annotated[str, typer.Option(help="Send as this city; best one without readings.")]
_LoadSensors = Annotated[int, typer.Option(min=1, help="Sensors, of ten series each.")]
_LoadPack = Annotated[int, typer.Option(min=1, max=500, help="Readings a message.")]
_LoadRate = Annotated[
    float, typer.Option(min=0, help="Readings a second; 0: as fast as acknowledged.")
]
_LoadDuration = Annotated[
    float | None,
    typer.Option(help="Seconds.  [default: 60, or until --count]", show_default=False),
]
_LoadCount = Annotated[int | None, typer.Option(min=1, help="Stop after so many readings.")]
_LoadSeed = Annotated[int, typer.Option(min=0, help="What values, stamps and order follow from.")]
_LoadConnections = Annotated[int, typer.Option(min=1, max=64, help="MQTT connections.")]
_LoadInFlight = Annotated[
    int, typer.Option(min=1, max=10_000, help="Unacknowledged messages a connection.")
]
_LoadProcesses = Annotated[
    int, typer.Option(min=1, max=32, help="Processes that share the sensors and the rate.")
]
_LoadDuplicates = Annotated[float, typer.Option(min=0, max=1, help="Share sent again.")]
_LoadRevisions = Annotated[float, typer.Option(min=0, max=1, help="Share with new values.")]
_LoadPoison = Annotated[float, typer.Option(min=0, max=1, help="Share that is spoilt.")]
_LoadReorder = Annotated[float, typer.Option(min=0, max=1, help="Share out of order.")]
_LoadSeq = Annotated[bool, typer.Option("--seq", help="Number readings, per gateway.")]
_LoadDeclare = Annotated[bool, typer.Option(help="Declare city and devices first.")]
_LoadPayload = Annotated[
    str,
    typer.Option("--format", help="Payload format: json, or another's name in docs/payloads.md."),
]
_LoadQos = Annotated[int, typer.Option(min=0, max=2, help="MQTT's quality of service.")]
_LoadMqtt = Annotated[str, typer.Option("--mqtt", help="Version of MQTT: 5 or 3.1.1.")]
_LoadReport = Annotated[Path | None, typer.Option(help="Write summary and samples here, as JSON.")]
_LoadPage = Annotated[Path | None, typer.Option(help="Write a page of plots here.")]
_LoadFigure = Annotated[Path | None, typer.Option(help="Write the plots here, as SVG.")]
_LoadApi = Annotated[
    str | None, typer.Option(help="Ask this API how far the service's books are behind.")
]
_LoadAggregator = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Ask the aggregator's health address how far it is behind, too."
    ),
]
_LoadWatch = Annotated[
    list[int] | None, typer.Option(help="Record CPU and memory of this process; repeatable.")
]
_LoadSoak = Annotated[
    bool, typer.Option("--soak", help="Fail unless latency, lag and memory stay flat.")
]
_LoadRamp = Annotated[
    str | None, typer.Option(metavar="FROM:TO[:FACTOR]", help="Find the rate that still holds.")
]
_LoadWithinMs = Annotated[
    float, typer.Option(min=1, help="Of a ramp: bound of the 99th percentile.")
]


def simulate(  # noqa: PLR0913, PLR0917 (one argument for each option)
    replay: _SimulateReplay = None,
    mapping: _SimulateMapping = None,
    speed: _SimulateSpeed = "max",
    city: _SimulateCity = None,
    seeded: _SimulateSeeded = None,
    scenario: _SimulateScenario = None,
    shorten: _SimulateShorten = 1.0,
    cities: _SimulateCities = 1,
    seed: _SimulateSeed = 1,
    history_hours: _SimulateHistoryHours = 0.0,
    live: _SimulateLive = True,  # noqa: FBT002 (a flag)
    limit: _SimulateLimit = None,
    scale: _SimulateScale = 1,
    check: _SimulateCheck = None,
    still: _SimulateStill = 60.0,
    report: _SimulateReport = None,
    write_registry: _SimulateWriteRegistry = None,
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
    raise typer.Exit(run(load_settings(), options))


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


def load(  # noqa: PLR0913, PLR0917 (one argument for each option)
    city: _LoadCity = "load",
    sensors: _LoadSensors = 100,
    pack: _LoadPack = 50,
    rate: _LoadRate = 0.0,
    duration: _LoadDuration = None,
    count: _LoadCount = None,
    seed: _LoadSeed = 1,
    connections: _LoadConnections = 1,
    in_flight: _LoadInFlight = 500,
    processes: _LoadProcesses = 1,
    duplicates: _LoadDuplicates = 0.0,
    revisions: _LoadRevisions = 0.0,
    poison: _LoadPoison = 0.0,
    reorder: _LoadReorder = 0.0,
    seq: _LoadSeq = False,  # noqa: FBT002 (a flag)
    declare: _LoadDeclare = True,  # noqa: FBT002 (a flag)
    payload: _LoadPayload = "json",
    qos: _LoadQos = 1,
    mqtt: _LoadMqtt = "5",
    report: _LoadReport = None,
    page: _LoadPage = None,
    figure: _LoadFigure = None,
    api: _LoadApi = None,
    aggregator: _LoadAggregator = None,
    watch: _LoadWatch = None,
    soak: _LoadSoak = False,  # noqa: FBT002 (a flag)
    ramp: _LoadRamp = None,
    within_ms: _LoadWithinMs = 1000.0,
) -> None:
    """Send as many readings as wanted, and say what must become of them."""
    from simulator.load.main import Options, run  # noqa: PLC0415

    shares = _shares(duplicates=duplicates, revisions=revisions, poison=poison, reorder=reorder)
    options = Options(
        city=city, sensors=sensors, pack=pack, rate=rate, duration_s=duration, count=count,
        seed=seed, connections=connections, in_flight=in_flight, processes=processes,
        shares=shares, numbered=seq, declare=declare, payload=payload, qos=qos, mqtt=mqtt,
        report=report, page=page, figure=figure, api=api, aggregator=aggregator,
        watch=tuple(watch or ()), soak=soak, ramp=_ramp(ramp), within_ms=within_ms,
    )  # fmt: skip
    raise typer.Exit(run(load_settings(), options))


def _shares(**of: float) -> "Shares":
    from simulator.load.order import Shares  # noqa: PLC0415

    return Shares(**of)


def _ramp(text: str | None) -> "Ramp | None":
    from simulator.load.ramp import read_ramp  # noqa: PLC0415

    return None if text is None else read_ramp(text)
