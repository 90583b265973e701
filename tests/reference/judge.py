"""One reference case against the rules, by the interpreter and by the compiled expression."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

from aggregator.compiler import compile_rule
from cityvitals.catalogue.gases import GAS_CONSTANT, conversion_at, parse_reference
from cityvitals.catalogue.load import convert, load_catalogue
from cityvitals.verify.groups import by_population
from kpi_rules.evaluate import Outcome, candidates, evaluate_rule
from kpi_rules.interpret import Value
from kpi_rules.levels import fold_values, is_enough
from kpi_rules.model import Level, Rule
from kpi_rules.present import find_band
from kpi_rules.words import SIZE_H, BelongsTo, Combine
from tests.reference.inputs import CannotGive, as_arrays, values_of
from tests.reference.mapping import Case, Found, Mappings


class Verdict(StrEnum):
    """What became of a case."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    UNCOVERED = "uncovered"


class Judgement(NamedTuple):
    """A verdict, and why it is no pass."""

    verdict: Verdict
    why: str = ""


Results: TypeAlias = Mapping[str, Any]
"""By what `expected` of a mapping can name."""
_Check: TypeAlias = "Callable[[Rule | None, Found, Case], dict[str, Results]]"


def judge(case: Case, mappings: Mappings, rules: Mapping[str, Rule]) -> Judgement:
    """Hold a case against the rule that its words mean."""
    found = mappings.find(case, rules)
    if found is None:
        return Judgement(Verdict.UNCOVERED, "no mapping to a rule fits")
    if found.entry.uncovered:
        return Judgement(Verdict.UNCOVERED, found.entry.uncovered)
    lacking = set(case["expected"]) - set(found.expected) - found.entry.ignored
    if lacking:
        return Judgement(Verdict.UNCOVERED, f"nothing gives {', '.join(sorted(lacking))}")
    try:
        wrong = list(_wrong(found, case, rules))
    except CannotGive as error:
        return Judgement(Verdict.UNCOVERED, f"{found.rule}: {error}")
    if wrong:
        return Judgement(Verdict.FAIL, f"{found.rule}: {'; '.join(wrong)}")
    return Judgement(Verdict.PASS)


def _wrong(found: Found, case: Case, rules: Mapping[str, Rule]) -> Iterator[str]:
    """What a case expects and does not get."""
    check = _CHECKS[found.entry.check]
    for key, expected in case["expected"].items():
        if key not in found.expected:
            continue
        wanted, rule = found.expected[key], found.rule
        factor = 1.0
        if isinstance(wanted, dict) and "is" in wanted:
            rule = wanted.get("rule", rule)
            factor = _factor(rules[rule].unit, wanted.get("unit"))
            wanted = wanted["is"]
        for how, results in check(rules.get(rule), found, case).items():
            said = _look(results, wanted)
            said = said * factor if isinstance(said, float) else said
            if not matches(case, key, said):
                yield f"{key}: {said} by {how}, expected {expected}"


def _factor(unit: str, wanted: str | None) -> float:
    """From a rule's unit to another."""
    if wanted is None:
        return 1.0
    catalogue = load_catalogue()
    found = convert(catalogue.units[unit], catalogue.units[wanted])
    if found is None:
        raise CannotGive(f"{unit} is not convertible to {wanted}")
    return found.scale


def matches(case: Case, key: str, found: Any) -> bool:
    """Whether a result is what a case expects, within its tolerance."""
    expected = case["expected"][key]
    if expected is None:
        return isinstance(found, float) and math.isnan(found)
    if isinstance(expected, bool):
        return found in {0.0, 1.0} and bool(found) == expected
    if isinstance(expected, str) or not isinstance(found, int | float):
        return bool(found == expected)
    tolerance = case.get("tolerance", {}).get(key, 1e-9 * max(1.0, abs(expected)))
    return bool(abs(found - expected) <= tolerance)


def _look(results: Results, wanted: Any) -> Any:
    """A result by its name, whether it is there, or whether the band is a given one."""
    if isinstance(wanted, dict) and "known" in wanted:
        return float(not math.isnan(results[wanted["known"]]))
    if isinstance(wanted, dict):
        return float(results["band"] == wanted["band"])
    return results.get(wanted, "nothing of that name")


def _by_rule(rule: Rule, found: Found, case: Case) -> dict[str, Results]:
    values = values_of(rule, found, case)
    outcomes = {
        "the interpreter": evaluate_rule(rule, values),
        "the compiled expression": _compiled(rule, values),
    }
    return {how: _results(rule, one, found) for how, one in outcomes.items()}


def _compiled(rule: Rule, values: Mapping[str, Value]) -> Outcome:
    """The outcome of the compiled rule; parts that the case gives are not worked out."""
    left = replace(rule, parts=tuple(part for part in rule.parts if part.name not in values))
    one = compile_rule(left)(as_arrays(values))
    names, which = candidates(rule), float(one.dominant[0])
    parts: dict[str, Value] = {name: float(part[0]) for name, part in one.parts.items()}
    parts |= {part.name: values[part.name] for part in rule.parts if part.name in values}
    return Outcome(
        float(one.value[0]),
        float(one.unrounded[0]),
        float(one.numerator[0]),
        float(one.denominator[0]),
        "" if math.isnan(which) else names[int(which)],
        parts,
    )


def _results(rule: Rule, outcome: Outcome, found: Found) -> Results:
    bands = rule.body()["bands"]
    value = None if math.isnan(outcome.value) else outcome.value
    return outcome.parts | {
        "value": outcome.value,
        "unrounded": outcome.unrounded,
        "numerator": outcome.numerator,
        "denominator": outcome.denominator,
        "dominant": outcome.dominant,
        "pollutant": found.spoken.get(outcome.dominant.removesuffix("_index"), outcome.dominant),
        "band": find_band(bands, value),
    }


def _level_of(rule: Rule, name: str) -> Level:
    for one in rule.inputs:
        for level in one.levels:
            if level.length == name:
                return level
    raise CannotGive(f"no input has a level '{name}'")


def _by_level(rule: Rule, found: Found, case: Case) -> dict[str, Results]:
    """Whether so much is enough for a level."""
    level = _level_of(rule, found.entry.level)
    source = found.given["known"]
    known = float(case["inputs"][source["from"]])
    return {"the level": {"valid": float(is_enough(level, known, source["out_of"]))}}


def _by_mean(rule: Rule, found: Found, case: Case) -> dict[str, Results]:
    """What a level makes of values."""
    level = _level_of(rule, found.entry.level)
    given = case["inputs"][found.given["values"]["from"]]
    values = [math.nan if each is None else float(each) for each in given]
    return {"the level": {"value": fold_values(level, values)}}


def _by_window(rule: Rule, found: Found, case: Case) -> dict[str, Results]:
    """The first and last window of a level that a day holds, in hours from its midnight."""
    level = _level_of(rule, found.entry.level)
    length, step = int(SIZE_H[level.length]), int(SIZE_H[level.step or level.length])
    begins = [
        begin
        for begin in range(-length, 24, step)
        if 0 <= (begin + length - step if level.belongs_to is BelongsTo.END else begin) < 24
    ]
    day = case["inputs"]["day"]
    texts = [_span(day, begin, begin + length) for begin in (begins[0], begins[-1])]
    return {"the level": {"first": texts[0], "last": texts[1]}}


def _span(day: str, begin: int, end: int) -> str:
    before = f"{day}-1" if begin < 0 else day
    return f"{before} {begin % 24:02d}:00 to {day} {end:02d}:00"


def _by_population(rule: Rule, found: Found, case: Case) -> dict[str, Results]:
    """What a city that weights its zones by population makes of their numbers."""
    if rule.space.city is not Combine.POPULATION_WEIGHTED:
        raise CannotGive("not weighted by population")
    numbers, people = (case["inputs"][found.given[key]["from"]] for key in ("values", "weights"))
    zones = {
        str(i): evaluate_rule(rule, {rule.inputs[0].name: one}) for i, one in enumerate(numbers)
    }
    value = by_population(
        {zone: one.value for zone, one in zones.items()},
        {str(i): float(one) for i, one in enumerate(people)},
    )
    return {"the zones": {"value": value}}


def _by_conversion(_rule: Rule | None, found: Found, case: Case) -> dict[str, Results]:
    """ug/m3 in a ppb of a gas, or litres in a mole of any, at a state."""
    source = found.given["factor"]
    if not source["gas"]:
        state = parse_reference(source["state"])
        if state is None:
            raise CannotGive(f"{source['state']} is no state")
        return {"the gas law": {"value": GAS_CONSTANT * state.kelvin / state.pascal * 1000.0}}
    conversion = conversion_at(load_catalogue(), source["gas"], "ppb", source["state"])
    if conversion is None:
        raise CannotGive(f"nothing converts {source['gas']}")
    amount = case["inputs"].get(source.get("times"), 1.0)
    scale = 1.0 / conversion.scale if source.get("inverse") else conversion.scale
    return {"the catalogue": {"value": scale * amount}}


def _of_rule(check: Callable[[Rule, Found, Case], dict[str, Results]]) -> _Check:
    def checked(rule: Rule | None, found: Found, case: Case) -> dict[str, Results]:
        if rule is None:
            raise CannotGive(f"there is no rule {found.rule!r}")
        return check(rule, found, case)

    return checked


_CHECKS: Final[dict[str, _Check]] = {
    "rule": _of_rule(_by_rule),
    "level": _of_rule(_by_level),
    "mean": _of_rule(_by_mean),
    "window": _of_rule(_by_window),
    "weighted": _of_rule(_by_population),
    "conversion": _by_conversion,
}
