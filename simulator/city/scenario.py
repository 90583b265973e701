"""A scenario: what befalls a seeded city and its messages, as TOML.

The structs are the file's shape, key by key; `docs/simulator.md` explains the keys. Hours count
from the scenario's begin.
"""

from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from cityvitals.domain.times import US, to_us
from cityvitals.errors import SettingsError
from simulator.city.spec import CitySpec
from simulator.city.stations import Station
from simulator.toml_file import decoded, find_file, read_text

SHIPPED: Final = Path(__file__).parents[1] / "scenarios"
_HOUR_US: Final = 3600 * US

_Hour = Annotated[float, msgspec.Meta(ge=0)]
_Hours = Annotated[float, msgspec.Meta(gt=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Many = Annotated[int, msgspec.Meta(ge=1)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; a key that it does not know is an error."""


class _Span(_Section, frozen=True, kw_only=True):
    """Something that happens from `from_h` until `to_h`, to whom the lists choose.

    A list that is left out chooses all; of several lists all must choose. `sensors` may have `*`
    and `?`.
    """

    from_h: _Hour = 0.0
    to_h: _Hour
    zones: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    roads: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()

    @property
    def is_of_all(self) -> bool:
        """Whether nobody in particular is chosen."""
        lists = (self.zones, self.stations, self.sensors, self.roads, self.gateways)
        return not any(lists)

    def chooses(self, one: Station) -> bool:
        """Whether it happens to a station."""
        device = one.device
        return (
            (not self.zones or device.zone in self.zones)
            and (not self.stations or one.kind in self.stations)
            and (not self.roads or one.road in self.roads)
            and (not self.gateways or device.gateway.id in self.gateways)
            and (not self.sensors or any(fnmatchcase(device.id, one) for one in self.sensors))
        )


class Effect(_Span, frozen=True, kw_only=True):
    """`[[effect]]`: what a signal's values become.

    Attributes:
        ramp_h: how long it takes to grow, and to end, within its time.
        times, plus: when full, the value is value * times + plus.
        set: when full, the value is this instead; needs no ramp.
        at_instrument: whether the instrument shows it, rather than the sensor seeing it: then
            nothing is rounded or cut off, and fault codes can be said.
    """

    signal: _Text
    ramp_h: _Hour = 0.0
    times: float = 1.0
    plus: float = 0.0
    set: float | None = None
    at_instrument: bool = False


class Silence(_Span, frozen=True, kw_only=True):
    """`[[silence]]`: sensors say nothing, and never say it later."""


class Outage(_Span, frozen=True, kw_only=True):
    """`[[outage]]`: a gateway sends nothing, and all that it kept when it is back.

    Attributes:
        keeps: readings of each sensor that it can keep; older ones are lost.
    """

    keeps: _Many | None = None


class WrongClock(_Span, frozen=True, kw_only=True):
    """`[[wrong_clock]]`: times are said so many seconds ahead (below 0: behind)."""

    ahead_s: float


class Revision(_Span, frozen=True, kw_only=True):
    """`[[revision]]`: a share of messages is said again later with other values, as `rev` 1."""

    share: _Share
    times: float = 1.0
    plus: float = 0.0
    within: _Many = 50


class Delivery(_Section, frozen=True, kw_only=True):
    """`[delivery]`: what the way to the broker does to messages.

    Attributes:
        twice: share that comes again, up to `within` messages later.
        late: share that comes up to `within` messages late.
    """

    twice: _Share = 0.0
    late: _Share = 0.0
    within: _Many = 50


class Scenario(_Section, frozen=True, kw_only=True):
    """A whole scenario.

    Attributes:
        begin: local time at which it begins; a live one ends now, and has none.
        step_s: seconds between a gauge's readings; 60 at most, a divisor of 60.
    """

    title: _Text
    story: _Text
    city: _Text = "vitalia"
    clock: Literal["replay", "live"] = "replay"
    begin: str | None = None
    hours: _Hours
    step_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 60
    effect: tuple[Effect, ...] = ()
    silence: tuple[Silence, ...] = ()
    outage: tuple[Outage, ...] = ()
    wrong_clock: tuple[WrongClock, ...] = ()
    revision: tuple[Revision, ...] = ()
    delivery: Delivery = Delivery()

    @property
    def spans(self) -> Iterator[tuple[str, _Span]]:
        """All that happens for a time, each with its table's name."""
        for name in ("effect", "silence", "outage", "wrong_clock", "revision"):
            for one in getattr(self, name):
                yield name, one

    def span_us(self, of: _Span, begin_us: int) -> tuple[int, int]:
        """From when until when something happens, in a run that begins at `begin_us`."""
        return begin_us + round(of.from_h * _HOUR_US), begin_us + round(of.to_h * _HOUR_US)

    def begin_us(self, time_zone: str, now_us: int) -> int:
        """When a run begins; on a full minute."""
        minute = 60 * US
        if self.begin is None:
            return (now_us - round(self.hours * _HOUR_US)) // minute * minute
        local = datetime.fromisoformat(self.begin).replace(tzinfo=ZoneInfo(time_zone))
        return to_us(local) // minute * minute


def shortened(scenario: Scenario, by: float) -> Scenario:
    """The same in so many times less event time: everything begins, grows and ends sooner."""

    def sooner(one: Any) -> Any:
        named = {name: getattr(one, name) for name in ("from_h", "to_h", "ramp_h", "hours")
                 if hasattr(one, name)}  # fmt: skip
        return msgspec.structs.replace(one, **{name: hours / by for name, hours in named.items()})

    spans = {
        name: tuple(sooner(one) for one in getattr(scenario, name))
        for name in ("effect", "silence", "outage", "wrong_clock", "revision")
    }
    found: Scenario = msgspec.structs.replace(sooner(scenario), **spans)
    return found


def names() -> list[str]:
    """The scenarios that ship."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_scenario(given: Path) -> Scenario:
    """The scenario at a path, or the shipped one of that name.

    Raises:
        SettingsError: naming file, key and what was expected.
    """
    path = find_file(given, SHIPPED, "scenario")
    return read_scenario(read_text(path), str(path))


def read_scenario(text: str, source: str) -> Scenario:
    """The scenario that a TOML text holds; what it names is checked by `check_against`.

    Raises:
        SettingsError: naming `source`, key and what was expected.
    """
    scenario = decoded(text, source, Scenario)
    wrong = _wrong_clock(scenario) or _wrong_spans(scenario)
    if wrong:
        raise SettingsError(f"{source}: {wrong}")
    return scenario


def _wrong_clock(scenario: Scenario) -> str:
    if (scenario.clock == "live") != (scenario.begin is None):
        return "begin: expected in a replay, and not in a live scenario, which ends now"
    try:
        begin = datetime.fromisoformat(scenario.begin or "2000-01-01")
    except ValueError as error:
        return f"begin: {error}"
    if begin.tzinfo is not None:
        return "begin: expected a local time, without an offset"
    return "" if 60 % scenario.step_s == 0 else "step_s: expected a divisor of 60"


def _wrong_spans(scenario: Scenario) -> str:
    for name, one in scenario.spans:
        if not one.from_h < one.to_h <= scenario.hours:
            given = f"{one.from_h:g}, {one.to_h:g}"
            return f"{name}: from_h, to_h: expected from < to <= hours, got {given}"
    for one in scenario.effect:
        if 2 * one.ramp_h > one.to_h - one.from_h:
            return f"effect on {one.signal}: ramp_h: expected twice in from_h to to_h at most"
        if one.set is not None and (one.ramp_h or one.times != 1.0 or one.plus):
            return f"effect on {one.signal}: set: expected without ramp_h, times and plus"
    return ""


def check_against(scenario: Scenario, spec: CitySpec, stations: tuple[Station, ...]) -> None:
    """See that whom and what a scenario names is there in the city.

    Raises:
        SettingsError: naming what is not, or what chooses nobody.
    """
    for one in scenario.effect:
        if one.signal not in spec.signal:
            known = ", ".join(sorted(spec.signal))
            raise SettingsError(f"effect: signal: no {one.signal!r}; there are {known}")
    for name, span in scenario.spans:
        if not any(span.chooses(station) for station in stations):
            raise SettingsError(f"{name}: zones, stations, sensors, roads, gateways: choose nobody")
