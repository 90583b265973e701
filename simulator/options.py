"""What `cityvitals simulate` is asked for, and which feeds that makes."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cityvitals.domain.names import Clock, is_identifier
from cityvitals.domain.times import US
from cityvitals.errors import SettingsError
from simulator.city.registry import registry_of
from simulator.city.scenario import Scenario, load_scenario, shortened
from simulator.city.spec import load_city
from simulator.city.staged import Staged
from simulator.city.town import Play, Town
from simulator.feed import Feed
from simulator.mapping_load import load_mapping
from simulator.replay import Replay

_VITALIA: Final = Path("vitalia")


@dataclass(frozen=True, slots=True)
class Options:
    """What to play, how fast, and for how long.

    Attributes:
        replay: recorded file to play; None plays a seeded city.
        mapping: path of a mapping, or the name of a shipped one ("beijing").
        speed: event seconds per wall second in a replay; None is as fast as acknowledged.
        city: id to play as, instead of the mapping's or the seeded city's own.
        seeded: path of a seeded city's file, or the name of a shipped one; None is the scenario's,
            or Vitalia.
        scenario: path of a scenario, or the name of a shipped one.
        shorten: play the scenario in so many times less event time.
        cities: how many seeded cities at once, each of its own seed.
        seed: what the seeded city's values follow from.
        history_hours: how much of the seeded city's past is sent first, as fast as acknowledged.
        live: whether the seeded city keeps publishing until stopped.
        limit: stop after so many readings.
        scale: stations of the seeded city, as a multiple of its own.
        connections: MQTT connections of a city at most; gateways are dealt over them.
        report: file to write the summary to, as JSON.
        check: address of the API that is asked whether everything arrived and was derived.
        registry: write the seeded city's registry here instead of playing it.
        still_s: how long nothing may move before the check takes what it finds as the end.
    """

    replay: Path | None = None
    mapping: Path | None = None
    speed: float | None = None
    city: str | None = None
    seeded: Path | None = None
    scenario: Path | None = None
    shorten: float = 1.0
    cities: int = 1
    seed: int = 1
    history_hours: float = 0.0
    live: bool = True
    limit: int | None = None
    scale: int = 1
    connections: int = 8
    report: Path | None = None
    check: str | None = None
    still_s: float = 60.0
    registry: Path | None = None


def check_options(options: Options) -> None:
    """See that options fit together.

    Raises:
        SettingsError: naming the option that does not.
    """
    if (options.replay is None) != (options.mapping is None):
        raise SettingsError("simulate: --replay and --mapping: expected both or neither")
    if options.replay is not None and not options.replay.is_file():
        raise SettingsError(f"simulate: --replay: no such file: {options.replay}")
    if options.speed is not None and not 0 < options.speed < math.inf:
        raise SettingsError(f"simulate: --speed: expected a number > 0, got {options.speed}")
    if options.speed is not None and options.replay is None:
        raise SettingsError("simulate: --speed: expected with --replay only: the seeded city lives")
    if options.city is not None and not is_identifier(options.city):
        raise SettingsError(f"simulate: --city: expected letters, digits, . _ -: {options.city!r}")
    for name in ("scale", "connections", "cities"):
        if getattr(options, name) < 1:
            number = getattr(options, name)
            raise SettingsError(f"simulate: --{name}: expected at least 1, got {number}")
    _check_seeded(options)


def _check_seeded(options: Options) -> None:
    seeded = {
        "scenario": options.scenario,
        "seeded": options.seeded,
        "cities": options.cities > 1,
        "write-registry": options.registry,
    }
    if options.replay is not None:
        for name in (name for name, given in seeded.items() if given):
            raise SettingsError(f"simulate: --{name}: expected without --replay")
    if options.shorten != 1.0 and options.scenario is None:
        raise SettingsError("simulate: --shorten: expected with --scenario only")
    if not 1 <= options.shorten < math.inf:
        raise SettingsError(f"simulate: --shorten: expected at least 1, got {options.shorten}")
    lives = options.live and options.replay is None and options.scenario is None
    if options.check is not None and lives:
        raise SettingsError(
            "simulate: --check: expected with --scenario, --replay or --no-live: a city that "
            "lives on is never as sent"
        )


def feeds_of(options: Options, now_us: int) -> list[Feed]:
    """What is played, each by itself.

    Raises:
        SettingsError: a file of it is not what it should be.
    """
    if options.replay is not None and options.mapping is not None:
        return [Replay(options.replay, load_mapping(options.mapping), options.city)]
    return [_seeded(options, now_us, number) for number in range(options.cities)]


def _seeded(options: Options, now_us: int, number: int) -> Feed:
    """The seeded city of a number; those after the first have the number in their id."""
    scenario = _scenario(options)
    own = _VITALIA if scenario is None else Path(scenario.city)
    spec = load_city(options.seeded or own)
    city = options.city or spec.city.id
    seed, city = options.seed + number, city if number == 0 else f"{city}-{number + 1}"
    if scenario is not None:
        return Staged(spec, scenario, seed, now_us, scale=options.scale, city=city)
    history_us = round(options.history_hours * 3600 * US)
    return Town(spec, seed, Play(now_us, history_us, options.live, options.scale, city))


def registry_text(options: Options) -> str:
    """The registry of the seeded city that would be played.

    Raises:
        SettingsError: a file of it is not what it should be.
    """
    scenario = _scenario(options)
    spec = load_city(options.seeded or (_VITALIA if scenario is None else Path(scenario.city)))
    clock = Clock.LIVE if scenario is None else Clock(scenario.clock)
    return registry_of(spec, options.seed, options.city or spec.city.id, clock)


def _scenario(options: Options) -> Scenario | None:
    if options.scenario is None:
        return None
    scenario = load_scenario(options.scenario)
    return scenario if options.shorten == 1.0 else shortened(scenario, options.shorten)
