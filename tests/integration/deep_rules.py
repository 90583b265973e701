"""Rules that use windows inside windows, running ones, and every way to put stations together."""

from typing import Final

from kpi_rules.load import read_rules
from kpi_rules.model import Rule

_RULE: Final = """
[[rule]]
id = "air.deep.{name}"
revision = 1
title = "{name}"
domain = "air"
unit = "ug/m3"
digits = 1
window = {window}
input = [{input}]
space = {space}
expression = "{expression}"
source = "made up for a test"
verified = "own"
{more}
"""
_MEAN: Final = '{ zone = "mean", city = "mean", min_coverage = 0.0 }'
_HOURS: Final = '{ length = "hour", statistic = "mean", min_coverage = 0.75 }'


def _pm(statistic: str, levels: str = "", **more: str) -> str:
    said = ", ".join(f"{key} = {value}" for key, value in ({"min_coverage": "0.0"} | more).items())
    inner = f", levels = [{levels}]" if levels else ""
    return f'{{ name = "pm", quantity = "pm2_5", statistic = "{statistic}", {said}{inner} }}'


def _window(length: str, clock: str = "local", fold: str = "buckets") -> str:
    return f'{{ length = "{length}", clock = "{clock}", fold = "{fold}" }}'


def _rule(
    name: str,
    window: str,
    given: str,
    space: str = _MEAN,
    expression: str = "pm",
    more: str = "",
) -> str:
    return _RULE.format(
        name=name, window=window, input=given, space=space, expression=expression, more=more
    )


_EIGHT: Final = '{ length = "running_8h", statistic = "mean", min_count = 2'
SHORT: Final = [
    _rule("quarter", _window("quarter_hour", "utc"), _pm("mean", min_coverage="0.5")),
    _rule("valid_day", _window("day", fold="valid_hours"), _pm("mean", min_count="2")),
    _rule(
        "worst_eight",
        _window("day", "standard"),
        _pm("max", f'{_HOURS}, {_EIGHT}, belongs_to = "end" }}'),
    ),
    _rule("from_seven", _window("day"), _pm("min", f"{_HOURS}, {_EIGHT}, begins = [7, 23] }}")),
    _rule(
        "now",
        _window("hour", "utc"),
        _pm("values", _HOURS, window='"running_12h"', floor="0.0", optional="true"),
        expression="sum(pm) / count(pm >= 0)",
        more='rounding = { mode = "truncate", digits = 1 }',
    ),
    _rule(
        "night",
        _window("day"),
        _pm("values", _HOURS),
        '{ zone = "max", city = "median", min_coverage = 0.0, order = "evaluate_first" }',
        "max(missing if hour_of(pm) >= 12 else pm)",
        'rounding = { mode = "half_up", digits = 1 }',
    ),
    _rule("running_day", _window("running_24h"), _pm("energy_mean", _HOURS)),
    _rule(
        "people",
        _window("hour"),
        _pm("mean", min_coverage="0.25"),
        '{ zone = "mean", city = "population_weighted", min_coverage = 0.0 }',
    ),
    _rule(
        "two_stations",
        _window("hour"),
        _pm("mean", rounding='{ mode = "half_up", digits = 0 }'),
        '{ zone = "median", city = "max", min_coverage = 0.25, min_stations = 2 }',
    ),
]
LONG: Final = [
    _rule("month", _window("month", fold="valid_hours"), _pm("mean")),
    _rule(
        "year_of_days",
        _window("year"),
        _pm(
            "max",
            f'{_HOURS}, {{ length = "day", statistic = "mean", min_count = 1 }}',
        ),
    ),
    _rule("week", _window("running_7_days"), _pm("mean")),
]


def deep_rules(*, long: bool = True) -> tuple[Rule, ...]:
    """All of them, or those whose windows end within days."""
    return read_rules("\n".join(SHORT + (LONG if long else [])), "deep.toml")
