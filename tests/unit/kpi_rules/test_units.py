"""Units through whole expressions, when rules load."""

import pytest

from cityvitals.errors import BadRule
from kpi_rules.load import read_rules
from tests.unit.kpi_rules.test_load import changed, one


def two(first: str, second: str, expression: str, unit: str = "kW.h") -> str:
    """A rule of two inputs, each "quantity:statistic"."""
    swaps = [("a + b", expression), ('unit = "kW.h"', f'unit = "{unit}"')]
    for each in (first, second):
        quantity, statistic = each.split(":")
        swaps += [('"electricity_energy"', f'"{quantity}"'), ('"total"', f'"{statistic}"')]
    return changed(*swaps)


def test_a_rule_that_adds_micrograms_to_kilowatt_hours_does_not_start() -> None:
    with pytest.raises(BadRule) as caught:
        read_rules(two("pm2_5:mean", "electricity_energy:total", "a + b"), "test.toml")
    assert str(caught.value) == (
        "test.toml:9: rule 'test.mixed': expression: adds kW.h to ug/m3 in 'a + b'"
    )


@pytest.mark.parametrize(
    ("first", "second", "expression", "unit", "message"),
    [
        ("pm2_5:mean", "pm10:mean", "a / b", "kW.h", "gives ug/m3 / ug/m3 .no dimension., but"),
        (
            "pm2_5:mean",
            "pm10:mean",
            "a * b",
            "ug/m3",
            r"gives ug/m3 \* ug/m3 .mass \*\* 2 / length",
        ),
        ("pm2_5:mean", "no2:mean", "a - b + 1", "ug/m3", "adds a plain number to ug/m3"),
        ("water_flow:integral", "water_volume:total", "a - b", "m3", "subtracts m3 from L/s . s"),
        ("water_flow:integral", "water_volume:total", "a - b", "m3", "different size"),
        ("electricity_power:mean", "electricity_energy:total", "max(a, b)", "kW", "takes the max"),
        ("pm2_5:mean", "pm10:mean", "0 * (a + b) / a / b", "%", "gives"),
        (
            "air_temperature:mean",
            "dew_point:mean",
            "a - b",
            "Cel",
            "gives K, whose zero is not that of Cel",
        ),
        (
            "air_temperature:mean",
            "pm10:mean",
            "a * b",
            "ug/m3",
            "multiplies or divides Cel, .* own in",
        ),
        ("noise_laeq:energy_mean", "traffic_speed:mean", "a + b", "dB", "adds km/h to dB"),
        ("traffic_speed:mean", "traffic_count:total", "b / a", "{inhabitant}", "gives"),
    ],
)
def test_units_are_checked_through_the_whole_expression(
    first: str, second: str, expression: str, unit: str, message: str
) -> None:
    with pytest.raises(BadRule, match=f"expression: .*{message}"):
        read_rules(two(first, second, expression, unit), "test.toml")


@pytest.mark.parametrize(
    ("first", "second", "expression", "unit", "scale"),
    [
        ("pm2_5:mean", "pm10:mean", "a / b", "%", 100.0),
        ("pm2_5:mean", "pm10:mean", "a / (a + b)", "1", 1.0),
        ("pm2_5:mean", "pm10:mean", "max(0, b - a) * 0.5", "mg/m3", 0.001),
        ("electricity_power:integral", "electricity_energy:total", "a / b", "1", 1 / 3600),
        ("electricity_power:mean", "electricity_power:integral", "b + 0 * a / a", "kW.h", None),
        ("electricity_power:integral", "electricity_power:integral", "a - b", "kW.h", 1 / 3600),
        ("traffic_speed:mean", "traffic_count:total", "a * b / b", "m/s", 1 / 3.6),
        ("no2:mean", "o3:mean", "-min(a, b, 0)", "ug/m3", 1.0),
    ],
)
def test_the_scale_takes_the_natural_unit_to_the_rules(
    first: str, second: str, expression: str, unit: str, scale: float | None
) -> None:
    text = two(first, second, expression, unit)
    if scale is None:
        with pytest.raises(BadRule, match=r"adds kW / kW to kW . s in"):
            read_rules(text, "test.toml")
    else:
        assert one(text).scale == pytest.approx(scale, rel=1e-15)


def test_a_temperature_is_shown_as_it_is() -> None:
    alone = changed(
        ("a + b", "a"),
        ('unit = "kW.h"', 'unit = "Cel"'),
        ('"electricity_energy"', '"air_temperature"'),
        ('"total"', '"mean"'),
    )
    alone = alone[: alone.rindex("[[rule.input]]")]
    assert one(alone).scale == 1.0
    with pytest.raises(BadRule, match=r"gives Cel, whose zero is not that of K"):
        one(alone.replace('"Cel"', '"K"'))
    with pytest.raises(BadRule, match="zero of its own: no integral"):
        one(alone.replace('"mean"\nmin', '"integral"\nmin'))


@pytest.mark.parametrize(
    ("expression", "unit", "message"),
    [
        ("a - b", "K", ""),
        ("max(a, b)", "Cel", ""),
        ("a + (a - b)", "Cel", ""),
        ("a if a > b else b", "Cel", ""),
        ("max(0, a - b)", "K", ""),
        ("a + b", "Cel", "adds Cel to Cel"),
        ("-a + 0 * (a - b) / (a - b)", "Cel", "takes the negative of Cel"),
        ("max(0, a) - b", "K", "takes the max of 0 and Cel"),
        ("2 * a - b", "K", "multiplies or divides Cel"),
        ("(a - b) - a", "K", "subtracts Cel from K"),
    ],
)
def test_places_on_a_scale_differ_by_kelvin(expression: str, unit: str, message: str) -> None:
    text = two("air_temperature:mean", "dew_point:mean", expression, unit)
    if message:
        with pytest.raises(BadRule, match=message):
            read_rules(text, "test.toml")
    else:
        assert one(text).scale == 1.0
