"""Wire models of scores, for the documentation; see `api.schemas`."""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ScoreStandard(_Shown):
    """Whose KPIs these are; the targets are the city's own."""

    id: str
    title: str
    body: str
    edition: str


class ScoreKpis(_Shown):
    """How many KPIs there are, how many are fed live, and how many definitions are provisional."""

    all: int
    live: int
    reported: int
    provisional: int


class ScoreBand(_Shown):
    """So many points from a percentage of the target on (`from` included)."""

    name: str
    from_: float = Field(alias="from")
    points: int


class Score(_Shown):
    """The sum of `points` over those that the scored data points could have had.

    `percent` and `band` are null where nothing is scored. `no_data` and `no_target` count data
    points that are left out; `estimates` those that are scored without a whole year.
    """

    points: int
    possible: int
    percent: float | None
    band: str | None
    data_points: int
    scored: int
    no_data: int
    no_target: int
    estimates: int


class ScoreFact(_Shown):
    """A figure that a value is made of, as stated, by whom and when."""

    id: int
    name: str
    value: float
    unit: str
    valid_from: datetime | None
    source: str
    quality: str
    declared_by: str | None
    declared_at: datetime


class ScoreResult(_Shown):
    """A value of a data point, in its unit.

    `basis` is what it rests on: the city's `final` value, `figures` that it stated, or a `rule` on
    readings. What is of no whole calendar year is an `estimate`.
    """

    value: float
    basis: Literal["final", "figures", "rule"]
    period: Literal["as_stated", "calendar_year", "running_12_months", "year_to_date"]
    estimate: bool
    year: int | None
    begin: datetime | None
    end: datetime | None
    numerator: float | None
    denominator: float | None
    quality: str | None
    rule: str | None
    state: str | None
    coverage: float | None
    revision: int | None
    facts: list[ScoreFact]


class ScoreTarget(_Shown):
    """A target of the city; `start` is the value that counts as 0 %."""

    id: int
    value: float
    start: float | None
    unit: str
    valid_from: datetime | None
    source: str
    declared_by: str | None
    declared_at: datetime


class ScoreFigure(_Shown):
    """A fact that a data point is calculated from."""

    role: Literal["numerator", "less", "denominator"]
    name: str
    unit: str
    says: str


class ScorePoint(_Shown):
    """A data point: `result` counts, `others` stand beside it, `missing` says why there is none."""

    id: str
    title: str
    unit: str
    better: Literal["higher", "lower", "nearest", "neither"]
    state: Literal["scored", "no_data", "no_target"]
    result: ScoreResult | None
    others: list[ScoreResult]
    missing: list[str]
    target: ScoreTarget | None
    target_problem: str | None
    percent: float | None
    points: int | None
    band: str | None
    figures: list[ScoreFigure]


class ScoreKpi(_Shown):
    """A KPI; `provisional` where its formula was not read in a text of the standard."""

    code: str
    title: str
    level: Literal["core", "advanced"]
    kind: str | None
    feed: Literal["sensors", "registry", "reported"]
    formula: str
    sdg: list[str]
    sdg_unverified: list[str]
    iso_37120_2014: list[str]
    source: str
    evidence: Literal["formula", "definition", "title"]
    provisional: bool
    note: str | None
    score: Score
    data_points: list[ScorePoint]


class ScoreCategory(_Shown):
    """A category."""

    name: str
    score: Score
    kpis: list[ScoreKpi]


class ScoreSubDimension(_Shown):
    """A sub-dimension."""

    name: str
    score: Score
    categories: list[ScoreCategory]


class ScoreDimension(_Shown):
    """A dimension."""

    name: str
    score: Score
    sub_dimensions: list[ScoreSubDimension]


class ScoreFinding(_Shown):
    """A check that is not met: what it says, what was found, and who asks for it."""

    check: str
    says: str
    found: str
    points: list[str]
    source: str


class Scores(_Shown):
    """A city's scores as of `at`: dimension, sub-dimension, category, KPI, data point."""

    city: str
    standard: ScoreStandard
    at: datetime
    time_zone: str
    kpis: ScoreKpis
    bands: list[ScoreBand]
    score: Score
    dimensions: list[ScoreDimension]
    findings: list[ScoreFinding]


_SCORE: Final = {
    "points": 3,
    "possible": 4,
    "percent": 75.0,
    "band": "66-95%",
    "data_points": 1,
    "scored": 1,
    "no_data": 0,
    "no_target": 0,
    "estimates": 0,
}
_FACT: Final = {
    "id": 41,
    "name": "households_with_sanitation",
    "value": 61_200.0,
    "unit": "1",
    "valid_from": "2024-12-31T16:00:00Z",
    "source": "Statistical yearbook 2025",
    "quality": "surveyed",
    "declared_by": "li.na",
    "declared_at": "2026-02-03T08:14:55Z",
}
_POINT: Final = {
    "id": "u4ssc.ec.i.ws.5c",
    "title": "Household Sanitation",
    "unit": "%",
    "better": "higher",
    "state": "scored",
    "result": {
        "value": 76.5,
        "basis": "figures",
        "period": "as_stated",
        "estimate": False,
        "year": 2025,
        "begin": "2024-12-31T16:00:00Z",
        "end": None,
        "numerator": 61_200.0,
        "denominator": 80_000.0,
        "quality": "surveyed",
        "rule": None,
        "state": None,
        "coverage": None,
        "revision": None,
        "facts": [_FACT, {**_FACT, "id": 7, "name": "households", "value": 80_000.0}],
    },
    "others": [],
    "missing": [],
    "target": {
        "id": 3,
        "value": 100.0,
        "start": None,
        "unit": "%",
        "valid_from": None,
        "source": "City council, decision 12/2024",
        "declared_by": "li.na",
        "declared_at": "2026-02-03T08:20:10Z",
    },
    "target_problem": None,
    "percent": 76.5,
    "points": 3,
    "band": "66-95%",
    "figures": [
        {
            "role": "numerator",
            "name": "households_with_sanitation",
            "unit": "1",
            "says": "households with basic sanitation",
        },
        {
            "role": "denominator",
            "name": "households",
            "unit": "1",
            "says": "households of the city",
        },
    ],
}
_KPI: Final = {
    "code": "EC: I: WS: 5C",
    "title": "Household Sanitation",
    "level": "core",
    "kind": None,
    "feed": "reported",
    "formula": "households with basic sanitation / households x 100",
    "sdg": ["6.2.1"],
    "sdg_unverified": [],
    "iso_37120_2014": ["21.3"],
    "source": "VM p73",
    "evidence": "formula",
    "provisional": False,
    "note": "verifier: 90+ % is normal",
    "score": _SCORE,
    "data_points": [_POINT],
}
_CATEGORY: Final = {"name": "Water and Sanitation", "score": _SCORE, "kpis": [_KPI]}
_SUB: Final = {"name": "Infrastructure", "score": _SCORE, "categories": [_CATEGORY]}
SCORES_EXAMPLE: Final[dict[str, Any]] = {
    "city": "beijing",
    "standard": {
        "id": "u4ssc",
        "title": "United for Smart Sustainable Cities, key performance indicators",
        "body": "ITU-T U4SSC",
        "edition": "2017, with the verification manual of 2022",
    },
    "at": "2026-11-23T06:32:00Z",
    "time_zone": "Asia/Shanghai",
    "kpis": {"all": 91, "live": 29, "reported": 62, "provisional": 79},
    "bands": [
        {"name": "less than 33%", "from": 0.0, "points": 1},
        {"name": "33-66%", "from": 33.0, "points": 2},
        {"name": "66-95%", "from": 66.0, "points": 3},
        {"name": "95%+", "from": 95.0, "points": 4},
    ],
    "score": _SCORE,
    "dimensions": [{"name": "Economy", "score": _SCORE, "sub_dimensions": [_SUB]}],
    "findings": [
        {
            "check": "sanitation_normal",
            "says": "90 % and more of the households is normal",
            "found": "it is 76.5, below 90",
            "points": ["u4ssc.ec.i.ws.5c"],
            "source": "VM p73, p77",
        }
    ],
}
"""One branch of the tree; an answer has all of them."""
