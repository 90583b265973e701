"""What verify cannot recompute it says, and recomputes all shipped rules."""

from dataclasses import replace

import pytest

from cityvitals.verify.able import unable
from kpi_rules.built import unbuilt
from kpi_rules.load import load_rules
from kpi_rules.model import Input, Level, Space
from kpi_rules.words import Combine, Length, Order, Statistic
from tests.unit.verify.town import rule

ONE = rule()


def space(zone: Combine, city: Combine = Combine.MEAN) -> dict[str, Space]:
    return {"space": replace(ONE.space, zone=zone, city=city)}


def given(**changes: object) -> dict[str, tuple[Input, ...]]:
    return {"inputs": (replace(ONE.inputs[0], **changes),)}  # type: ignore[arg-type]


HOURS = (Level(Length.HOUR, Statistic.MEAN),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (space(Combine.POPULATION_WEIGHTED), 'space.zone: "population_weighted"'),
        (space(Combine.MEAN, Combine.LENGTH_WEIGHTED), 'space.city: "length_weighted"'),
        (given(statistic=Statistic.MAX), 'input[0].statistic: "max" of readings'),
        (
            given(statistic=Statistic.INCREASE, levels=HOURS),
            'input[0].statistic: "increase"',
        ),
        (given(flags=("frozen",)), "input[0].flags"),
        (given(combine=Combine.POPULATION_WEIGHTED), 'input[0].combine: "population_weighted"'),
        (given(min_count=3), "input[0].min_count: of quarter hours"),
        (
            given(combine=Combine.MAX) | {"space": replace(ONE.space, order=Order.EVALUATE_FIRST)},
            "input[0].combine: with evaluate_first",
        ),
        (
            {"window": replace(ONE.window, length=Length.RUNNING_7_DAYS, step=Length.HOUR)},
            'window.step: "hour"',
        ),
        (
            given(levels=(replace(HOURS[0], length=Length.RUNNING_24H, step=Length.MONTH),)),
            'input[0].levels[0].step: "month"',
        ),
    ],
)
def test_what_cannot_be_recomputed_is_named(changes: dict[str, object], said: str) -> None:
    assert unable(replace(ONE, **changes)) == said  # type: ignore[arg-type]


def test_all_else_can() -> None:
    assert {unable(each) for each in load_rules() if not unbuilt(each)} == {""}
    running = replace(ONE.window, length=Length.RUNNING_12_MONTHS, step=Length.MONTH)
    assert unable(replace(ONE, window=running)) == ""
    assert unable(replace(ONE, **space(Combine.MEDIAN, Combine.POPULATION_WEIGHTED))) == ""  # type: ignore[arg-type]
