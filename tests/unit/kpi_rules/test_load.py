"""Rule files: the shipped ones, and how a wrong one is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.errors import BadRule
from kpi_rules.built import sift, unbuilt
from kpi_rules.interpret import evaluate
from kpi_rules.load import load_rules, read_rules
from kpi_rules.model import Rule
from kpi_rules.words import ClockName, Combine, Length, Statistic, Verified

POLLUTANTS = ["pm2_5", "pm10", "no2", "so2", "o3", "co"]
RULES = {rule.id: rule for rule in load_rules()}

DIGEST = "ce59ea7f6bd2fa180db6f6d4a6381fb09a562937988805b053c2149746b2120e"

MIXED = """
[[rule]]
id = "test.mixed"
revision = 3
title = "A test"
domain = "energy"
unit = "kW.h"
digits = 1
expression = "a + b"
source = "made up"
verified = "own"
window = { length = "hour", clock = "utc", fold = "buckets" }
space = { zone = "mean", city = "mean", min_coverage = 0.5 }

[[rule.input]]
name = "a"
quantity = "electricity_energy"
statistic = "total"
min_coverage = 0.75

[[rule.input]]
name = "b"
quantity = "electricity_energy"
statistic = "total"
min_coverage = 0.75
"""


def one(text: str) -> Rule:
    (rule,) = read_rules(text, "test.toml")
    return rule


def changed(*swaps: tuple[str, str]) -> str:
    text = MIXED
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_rules_of_other_days_are_still_there() -> None:
    """Stored indicators name them."""
    assert set(RULES) >= {
        *(f"air.{each}.{length}" for each in POLLUTANTS for length in ("hour", "day")),
        *("energy.electricity.hour", "energy.electricity.day"),
        "energy.electricity_per_capita.day",
        *("water.supplied.day", "water.supplied_per_capita.day", "traffic.speed.hour"),
    }


def test_rules_that_were_stored_once_have_the_same_digest() -> None:
    """Else every database in the field would say that their text changed."""
    assert RULES["air.pm2_5.hour"].digest == DIGEST


@pytest.mark.parametrize("pollutant", POLLUTANTS)
def test_air_rules_are_means_on_the_local_clock(pollutant: str) -> None:
    for length in (Length.HOUR, Length.DAY):
        rule = RULES[f"air.{pollutant}.{length}"]
        assert (rule.window.length, rule.window.clock) == (length, ClockName.LOCAL)
        (only,) = rule.inputs
        assert (only.quantity, only.statistic, only.min_coverage) == (
            pollutant,
            Statistic.MEAN,
            0.75,
        )
        assert (rule.space.zone, rule.space.city) == (Combine.MEAN, Combine.MEAN)
        assert rule.space.min_coverage == 0.5
        assert (rule.unit, rule.scale) == (
            ("mg/m3", 0.001) if pollutant == "co" else ("ug/m3", 1.0)
        )


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        ("energy.electricity_per_capita.day", {"electricity": 5000, "population": 1000}, 5.0),
        ("water.supplied.day", {"supplied": 86_400_000}, 86_400),  # 1,000 L/s for a day
        ("water.supplied_per_capita.day", {"supplied": 86_400_000, "population": 4e5}, 216.0),
        ("air.co.hour", {"co": 1500}, 1.5),
        ("traffic.speed.hour", {"speed": 48.5}, 48.5),
    ],
)
def test_shipped_rules_give_their_unit(
    rule: str, values: dict[str, float], expected: float
) -> None:
    assert evaluate(RULES[rule].tree, values) * RULES[rule].scale == pytest.approx(expected, 1e-12)


def test_every_shipped_rule_says_where_it_comes_from() -> None:
    for rule in RULES.values():
        assert len(rule.source) > 40
        assert (rule.standard is None) == (rule.verified is Verified.OWN)


def test_bodies_are_json_and_digests_follow_them() -> None:
    rule = one(MIXED)
    body = rule.body()
    assert json.loads(json.dumps(body)) == body
    assert body["window"] == {"length": "hour", "clock": "utc", "fold": "buckets"}
    assert body["inputs"][0]["unit"] == "kW.h"
    assert rule.digest == one(MIXED).digest
    assert len(rule.digest) == 64
    assert rule.digest != one(changed(("0.5", "0.6"))).digest
    assert rule.digest != one(changed(("a + b", "b + a"))).digest


@pytest.mark.parametrize(
    ("swaps", "message"),
    [
        ([("test.mixed", "Mixed")], r"test.toml:3: rule 'Mixed': id: expected \["),
        ([("revision = 3", "revision = 0")], "revision: expected a whole number from 1"),
        ([("revision = 3", 'revision = "3"')], "revision: expected a whole number"),
        ([("revision = 3", "")], "revision: missing"),
        ([("digits", "decimals")], "digits: missing"),
        ([('title = "A test"', 'title = "A test"\nfoo = 1')], "foo: unknown key; expected only"),
        ([('"energy"', '"kpi"')], 'domain: expected one of "air"'),
        ([('unit = "kW.h"', 'unit = "kWhh"')], "unit: expected a unit of the catalogue"),
        ([('"hour"', '"week"')], r'window.length: expected one of "quarter_hour", .*, got .week'),
        ([('"utc"', '"lunar"')], "window.clock: expected one of"),
        ([("fold =", "folds =")], "window.fold: missing"),
        ([('"electricity_energy"', '"magic"')], r"input\[0\].quantity: expected a quantity"),
        (
            [('"total"', '"mean"')],
            r"input\[0\].statistic: expected total or increase or count of el",
        ),
        ([('"total"', '"average"')], r"input\[0\].statistic: expected one of"),
        ([("0.75", "1.5")], r"input\[0\].min_coverage: expected a number from 0 to 1, got 1.5"),
        ([('"mean", city = "mean"', '"sum", city = "sum"')], r"min_coverage: is not built yet for"),
        ([('name = "b"', 'name = "a"'), ("a + b", "a")], "input: expected names that nothing else"),
        ([('name = "b"', 'name = "max"')], "input: expected names that nothing else has|expected"),
        ([('"a + b"', '"a + c"')], "expression: expected names of inputs, facts, .*, got 'c'"),
        ([('"a + b"', '"a"')], "expression: expected to use all that is named, not 'b'"),
        ([('"a + b"', '"a ^ b"')], r"expression: column 1: 'a \^ b': known are numbers"),
        ([('"own"', '"text"')], 'verified: expected "own" exactly where no standard is named'),
        ([('"own"', '"hearsay"')], "verified: expected one of"),
        ([("space = {", "space = 1 #")], "space: expected a table, got 1"),
        ([("[[rule]]", "[[rules]]")], "test.toml: rule: expected a list of tables"),
        ([("[[rule]]", "[[rule")], "test.toml: not TOML"),
        ([("0.75", '0.75\nreference_state = "298.15 K, 1 atm"')], "electricity_energy is no gas"),
    ],
)
def test_a_wrong_rule_is_named_with_file_rule_and_key(
    swaps: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(BadRule, match=message) as caught:
        read_rules(changed(*swaps), "test.toml")
    assert str(caught.value).startswith("test.toml:")


@pytest.mark.parametrize(
    ("swaps", "message"),
    [
        ([('"total"', '"max"')], 'input[0].statistic: "max" of quarter hours is not built yet'),
        ([('zone = "mean"', 'zone = "population_weighted"')], 'zone: "population_weighted" is not'),
        ([('city = "mean"', 'city = "length_weighted"')], 'city: "length_weighted" is not built'),
        ([("0.75", '0.75\nflags = ["clock_skew"]')], "input[0].flags: is not built yet"),
        (
            [
                (
                    '"total"',
                    '"increase"\nlevels = [{ length = "quarter_hour", statistic = "total" }]',
                )
            ],
            'input[0].statistic: "increase" of values is not built yet',
        ),
    ],
)
def test_what_is_not_built_yet_loads_and_is_refused_by_name(
    swaps: list[tuple[str, str]], message: str
) -> None:
    rule = one(changed(*swaps))
    assert message in unbuilt(rule)
    able, refused = sift([rule, one(MIXED)])
    assert able == (one(MIXED),)
    assert [(each.rule, each.reason) for each in refused] == [(rule, unbuilt(rule))]


def test_a_rule_of_facts_alone_can_be_run() -> None:
    text = """
        [[rule]]
        id = "test.density"
        revision = 1
        title = "Facts alone"
        domain = "water"
        unit = "L/{inhabitant}"
        digits = 1
        window = { length = "day", clock = "utc", fold = "buckets" }
        fact = [{ name = "volume", unit = "m3" }, { name = "population", unit = "{inhabitant}" }]
        space = { zone = "sum", city = "sum", min_coverage = 0 }
        expression = "volume / population"
        source = "made up"
        verified = "own"
    """
    assert unbuilt(one(text)) == ""


BANDS = """
[[rule.band]]
name = "low"
to = 10
colour = "#00FF00"
[[rule.band]]
name = "high"
colour = "#FF0000"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("to = 10\n", "", r"band\[1\].to: expected bands that rise"),
        ('"high"\n', '"high"\nto = 10\n', r"band\[1\].to: expected bands that rise"),
        ('"high"\n', '"high"\nto = 20\n', "band: expected a last band without"),
        ("#00FF00", "green", r"band\[0\].colour: expected #"),
    ],
)
def test_bands_rise_to_an_open_one(old: str, new: str, message: str) -> None:
    assert [band.name for band in one(MIXED + BANDS).bands] == ["low", "high"]
    with pytest.raises(BadRule, match=message):
        one(MIXED + BANDS.replace(old, new))


def test_a_folder_adds_rules(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MIXED)
    (tmp_path / "notes.txt").write_text("no rules")
    found = load_rules(tmp_path)
    assert {rule.id for rule in found} - set(RULES) == {"test.mixed"}
    assert [rule.id for rule in found] == sorted(rule.id for rule in found)


def test_two_rules_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRule, match=r"rule 'test.mixed': id: already in this file"):
        read_rules(MIXED + MIXED, "test.toml")
    (tmp_path / "mine.toml").write_text(MIXED.replace("test.mixed", "air.co.day"))
    with pytest.raises(BadRule, match=r"mine.toml: rule 'air.co.day': id: already in air_quality"):
        load_rules(tmp_path)


def test_a_folder_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRule, match="nowhere: expected a folder"):
        load_rules(tmp_path / "nowhere")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(BadRule, match=r"bad.toml: cannot be read"):
        load_rules(tmp_path)


LEAVES = [
    "[]",
    "true",
    "false",
    "0",
    "-1",
    "2",
    "1.5",
    "nan",
    "inf",
    '""',
    '"x"',
    '"hour"',
    "{ a = 1 }",
]


@given(st.data(), st.sampled_from(LEAVES))
def test_any_value_at_any_key_loads_or_is_a_bad_rule(data: st.DataObject, leaf: str) -> None:
    lines = MIXED.splitlines()
    at = data.draw(st.sampled_from([n for n, line in enumerate(lines) if " = " in line]))
    lines[at] = f"{lines[at].split(' = ')[0]} = {leaf}"
    said = "test.toml: "
    try:
        read_rules("\n".join(lines), "test.toml")
    except BadRule as bad:
        said = str(bad)
    assert said.startswith("test.toml:")
