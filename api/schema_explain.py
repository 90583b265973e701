"""Wire models of an explanation, for the documentation; tests hold real answers against them."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from api.schemas import FINAL_EXAMPLE, Fact, Indicator


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Links(_Shown):
    """Where to go on from a station; `readings` is null where they are gone (below the seal)."""

    explain: str
    rollups: str
    readings: str | None


class LevelWindow(_Shown):
    """A shorter window of a station; null is not valid.

    The shortest have sums: a mean is `integral` ÷ `covered_seconds`, an energetic mean 10 lg of
    that, a total, increase or integral the `integral`, a count `count`; then times the station's
    `scale`, then not below the input's floor. Longer ones fold the `places` windows of the level
    before that begin from `first` to `last`.
    """

    begin: datetime
    end: datetime
    value: float | None
    integral: float | None = None
    covered_seconds: float | None = None
    count: int | None = None
    first: datetime | None = None
    last: datetime | None = None
    places: int | None = None


class LevelShown(_Shown):
    """Windows of one length; `length` is null for the input's own window."""

    length: str | None
    statistic: str
    min_coverage: float
    min_count: int
    windows: list[LevelWindow]


class Bucket(_Shown):
    """A quarter hour of a station: `integral` over `covered_seconds`."""

    begin: datetime
    integral: float | None
    covered_seconds: float
    count: int
    flagged: int


class Station(_Shown):
    """One series as an input sees it in the window.

    `value` or, where the expression sees a series, `values` is what it says, in the input's unit;
    null where it is not `valid`, and `reason` says why. `coverage` is `covered_seconds` ÷
    `passed_seconds`. It is made of quarter hours in [`begin`, `end`). `levels` and `buckets` are
    there when this sensor was asked for; `buckets` null where they are more than a month.
    """

    sensor: str
    quantity: str
    channel: str
    value: float | None
    values: list[float | None] | None
    valid: bool
    reason: str
    coverage: float
    covered_seconds: float
    passed_seconds: float
    integral: float | None
    scale: float | None
    observed: int
    flagged: int
    begin: datetime
    end: datetime
    levels: list[LevelShown] | None = None
    buckets: list[Bucket] | None = None
    links: Links


class Weighed(_Shown):
    """A zone of a city that weights zones by who lives there."""

    zone: str
    population: float | None
    fact: Fact | None
    value: float | None
    values: list[float | None] | None
    combine: str | None = None
    stations: list[Station] | None = None
    derivation: "Derivation | None" = None


class InputShown(_Shown):
    """One input: what `combine` makes of its stations, or of its zones.

    `values` where the expression sees a series, with the begin of each place in `places`.
    """

    name: str
    quantity: str
    statistic: str
    unit: str
    begin: datetime
    end: datetime
    min_coverage: float
    combine: str
    value: float | None
    values: list[float | None] | None
    places: list[datetime] | None
    coverage: float | None
    observed: int
    flagged: int
    stations: list[Station]
    zones: list[Weighed]


class FactShown(_Shown):
    """A fact as the expression sees it, in the rule's unit, and as it was stated."""

    name: str
    value: float | None
    unit: str
    fact: Fact | None


class PartShown(_Shown):
    """A named step of the calculation."""

    name: str
    expression: str
    with_numbers: str
    value: float | list[float | None] | None


class Evaluated(_Shown):
    """An expression and what it comes to: value = round(expression * scale).

    In `with_numbers` numbers stand for names; series stay names, whose values are in `given`.
    """

    expression: str
    with_numbers: str
    scale: float
    unrounded: float | None
    value: float | None
    dominant: str | None
    given: dict[str, float | list[float | None] | None]
    parts: list[PartShown]


class SensorShown(Evaluated):
    """The expression for one sensor."""

    sensor: str


class Derivation(_Shown):
    """How a value came about in a zone or the city.

    `order` `combine_first`: stations are combined input by input, then comes the expression, which
    is told here. `evaluate_first`: the expression comes for each of `sensors` (or `zones`), then
    `combine` makes `unrounded` of them.
    """

    order: str
    combine: str
    min_stations: int
    expression: str | None = None
    with_numbers: str | None = None
    scale: float | None = None
    unrounded: float | None
    value: float | None = None
    dominant: str | None = None
    given: dict[str, float | list[float | None] | None] | None = None
    parts: list[PartShown] | None = None
    facts: list[FactShown]
    inputs: list[InputShown]
    sensors: list[SensorShown]
    zones: list[Weighed]


class ExcludedReading(_Shown):
    """A reading of the window that flags keep out of everything."""

    sensor: str
    quantity: str
    channel: str
    observed_at: datetime
    value: float
    flags: list[str]


class Explanation(_Shown):
    """How an indicator came about, derived anew from what is stored.

    `indicator` is what is stored, and `agrees` whether it is what was derived now: `value` and what
    follows it. An open window that is being fed may not agree for a moment. `rule` is the
    definition by which it was made. `readings_since`: those before are gone, rollups are not.
    """

    city: str
    zone: str | None
    time_zone: str
    indicator: Indicator
    agrees: bool
    rule: dict[str, Any]
    readings_since: datetime | None
    excluded: list[ExcludedReading]
    value: float | None
    numerator: float | None
    denominator: float | None
    coverage: float | None
    observed: int
    flagged: int
    stations: int
    derivation: Derivation


_SERIES: Final = "/v1/cities/beijing/series/aotizhongxin/pm2_5"
_STRETCH: Final = "from=2026-11-23T05%3A00%3A00Z&to=2026-11-23T06%3A00%3A00Z"
_STATION: Final = {
    "sensor": "aotizhongxin",
    "quantity": "pm2_5",
    "channel": "",
    "value": 38.9,
    "values": None,
    "valid": True,
    "reason": "",
    "coverage": 1.0,
    "covered_seconds": 3600.0,
    "passed_seconds": 3600.0,
    "integral": 140040.0,
    "scale": 1.0,
    "observed": 1,
    "flagged": 0,
    "begin": "2026-11-23T05:00:00Z",
    "end": "2026-11-23T06:00:00Z",
    "links": {
        "explain": "/v1/cities/beijing/indicators/air.pm2_5.hour/explain?zone=dongcheng&"
        "at=2026-11-23T05%3A00%3A00Z&sensor=aotizhongxin",
        "rollups": f"{_SERIES}/rollups?{_STRETCH}",
        "readings": f"{_SERIES}/readings?{_STRETCH}",
    },
}
EXPLANATION_EXAMPLE: Final[dict[str, Any]] = {
    "city": "beijing",
    "zone": "dongcheng",
    "time_zone": "Asia/Shanghai",
    "indicator": {**FINAL_EXAMPLE, "numerator": 38.9, "denominator": 1.0, "stations": 1},
    "agrees": True,
    "rule": {"id": "air.pm2_5.hour", "revision": 1, "expression": "pm2_5"},
    "readings_since": None,
    "excluded": [],
    "value": 38.9,
    "numerator": 38.9,
    "denominator": 1.0,
    "coverage": 1.0,
    "observed": 1,
    "flagged": 0,
    "stations": 1,
    "derivation": {
        "order": "combine_first",
        "combine": "mean",
        "min_stations": 1,
        "expression": "pm2_5",
        "with_numbers": "38.9",
        "scale": 1.0,
        "unrounded": 38.9,
        "value": 38.9,
        "dominant": None,
        "given": {"pm2_5": 38.9},
        "parts": [],
        "facts": [],
        "inputs": [
            {
                "name": "pm2_5",
                "quantity": "pm2_5",
                "statistic": "mean",
                "unit": "ug/m3",
                "begin": "2026-11-23T05:00:00Z",
                "end": "2026-11-23T06:00:00Z",
                "min_coverage": 0.75,
                "combine": "mean",
                "value": 38.9,
                "values": None,
                "places": None,
                "coverage": 1.0,
                "observed": 1,
                "flagged": 0,
                "stations": [_STATION],
                "zones": [],
            }
        ],
        "sensors": [],
        "zones": [],
    },
}
