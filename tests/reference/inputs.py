"""Values for a rule from a reference case: in its units, its order, and of its lengths."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from aggregator.program import Floats, SeriesOf
from cityvitals.catalogue.gases import conversion_at
from cityvitals.catalogue.load import Conversion, convert, load_catalogue
from kpi_rules.expression import Clocked, walk
from kpi_rules.interpret import Value
from kpi_rules.model import Rule
from tests.reference.mapping import Case, Found, values_at


class Seen(NamedTuple):
    """How a rule sees a number: in a unit; of a gas, what the case states it at."""

    unit: str = ""
    quantity: str = ""
    state: str = ""


class CannotGive(Exception):
    """A case does not say what a rule needs, or says it in a way that nobody maps."""


def values_of(rule: Rule, found: Found, case: Case) -> dict[str, Value]:
    """What is known of a rule's inputs, facts and parts; nan for what the case is silent about."""
    state = _state(case) or found.entry.state
    units = {one.name: Seen(one.seen_in, one.quantity, state) for one in rule.inputs}
    units |= {fact.name: Seen(fact.unit) for fact in rule.facts}
    series = rule.series
    known = dict(_by_name(rule, case, units))
    for name, source in found.given.items():
        value, said = _read_any(case, source, found.also.get(source.get("from", ""), {}))
        if value is None:
            continue
        value = _converted(value, said, case, units.get(name, Seen()))
        if name in series and isinstance(value, float):
            value = [value]
        known[name] = value
    if not known:
        raise CannotGive("none of the inputs that the mapping names is there")
    return _completed(rule, known, series)


def _state(case: Case) -> str:
    """What the case's gases are stated at, if it says so."""
    given = case["inputs"]
    if "T_K" in given and "P_Pa" in given:
        return f"{given['T_K']} K, {given['P_Pa']} Pa"
    return str(given.get("reference_state", ""))


def _by_name(rule: Rule, case: Case, units: Mapping[str, Seen]) -> Iterator[tuple[str, Value]]:
    """Inputs of a case that are called as the rule calls them, with or without a unit behind."""
    names = {*units, *(part.name for part in rule.parts)}
    nested = [each for each in case["inputs"].values() if isinstance(each, dict)]
    for key, value in [pair for one in (case["inputs"], *nested) for pair in one.items()]:
        name, unit = key.lower().replace("pm2.5", "pm2_5"), None
        for suffix, token in _SUFFIXES.items():
            if name not in names and name.endswith(suffix):
                name, unit = name.removesuffix(suffix), token or unit
        if name in names and _is_numeric(value):
            numbers = [_number(one) for one in value] if isinstance(value, list) else _number(value)
            yield name, _converted(numbers, {"unit": unit}, case, units.get(name, Seen()))


_SUFFIXES: Final = {
    "_ppb": "[ppb]",
    "_ppm": "[ppm]",
    "_ugm3": "ug/m3",
    "_ug_m3": "ug/m3",
    "_mgm3": "mg/m3",
    "_mg_m3": "mg/m3",
    "_kmh": "km/h",
    "_min": "min",
    "_km": "km",
    "_tj": "TJ",
    "_usd": "{USD}",
    "_m3": "m3",
    "_m": "m",
    "_24h": "",
    "_8h": "",
    "_1h": "",
}
"""What names of inputs end in, and the unit it says; what an average is over says none."""


def _is_numeric(value: Any) -> bool:
    each = value if isinstance(value, list) else [value]
    return all(
        one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in each
    )


def _read(case: Case, source: Mapping[str, Any]) -> Value | None:
    """The number or numbers that a source names."""
    if "value" in source:
        return float(source["value"])
    if "present" in source:
        listed = list(values_at(case["inputs"], f"{source['from']}.*"))
        return 0.0 if source["present"] in listed else math.nan
    found = list(values_at(case["inputs"], source["from"]))
    if not found:
        return None
    value = found if "*" in source["from"] else found[0]
    if isinstance(value, list):
        numbers = [_number(each) for each in value]
        return numbers[::-1] if source.get("newest_first") else numbers
    return _number(value)


def _read_any(
    case: Case, source: Mapping[str, Any], also: Mapping[str, str]
) -> tuple[Value | None, Mapping[str, Any]]:
    """What a source names, or what stands under another name of its key, and the source with the
    unit that the name says."""
    value = _read(case, source)
    for key, unit in also.items():
        if value is not None:
            break
        value = _read(case, {**source, "from": key})
        source = {**source, "unit": unit} if unit and value is not None else source
    return value, source


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CannotGive(f"{value!r} is no number")
    return float(value)


def _conversion(said: str, seen: Seen) -> Conversion | None:
    """To the unit that a rule sees; of gases by what they are stated at, if need be."""
    catalogue = load_catalogue()
    given, target = catalogue.find_unit(said), catalogue.units[seen.unit]
    plain = None if given is None else convert(given, target)
    if plain is not None or not seen.quantity:
        return plain
    came = conversion_at(catalogue, seen.quantity, said, seen.state)
    wanted = conversion_at(catalogue, seen.quantity, seen.unit, seen.state)
    return None if came is None or wanted is None else Conversion(came.scale / wanted.scale, 0.0)


def _converted(value: Value, source: Mapping[str, Any], case: Case, seen: Seen) -> Value:
    said = source.get("unit") or case["inputs"].get(source.get("unit_from", ""))
    if not said or not seen.unit:
        return value
    conversion = _conversion(str(said), seen)
    if conversion is None:
        raise CannotGive(f"{said} is not convertible to {seen.unit}")
    if conversion.scale == 1.0 and conversion.offset == 0.0:
        return value
    if isinstance(value, float):
        return value * conversion.scale + conversion.offset
    return [each * conversion.scale + conversion.offset for each in value]


def _completed(rule: Rule, known: dict[str, Value], series: frozenset[str]) -> dict[str, Value]:
    """With nan for the rest, and hours from midnight where an expression asks the clock."""
    lengths = [len(each) for each in known.values() if not isinstance(each, float)]
    length = max(lengths, default=0)
    nothing: dict[str, Value] = {name: [math.nan] * length for name in series}
    nothing |= {one.name: math.nan for one in rule.inputs if one.name not in series}
    nothing |= {fact.name: math.nan for fact in rule.facts if fact.name not in series}
    for tree in (rule.tree, *(part.tree for part in rule.parts)):
        for node in walk(tree):
            if isinstance(node, Clocked):
                places = known.get(node.name, nothing[node.name])
                count = 0 if isinstance(places, float) else len(places)
                nothing[node.key] = [float(i % 24) for i in range(count)]
    return nothing | known


def as_arrays(values: Mapping[str, Value]) -> dict[str, Floats | SeriesOf]:
    """The same values for a compiled rule, as one cell."""
    found: dict[str, Floats | SeriesOf] = {}
    for name, value in values.items():
        if isinstance(value, float):
            found[name] = np.array([value])
        else:
            found[name] = SeriesOf(np.array([list(value)], np.float64), np.array([len(value)]))
    return found
