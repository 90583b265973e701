"""An explanation worked out by hand: from what it prints alone, by numpy, without our interpreter.

Shares no code with `kpi_rules.interpret` nor `cityvitals.verify`: it reads JSON.
"""

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Json = Mapping[str, Any]


def close(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def number(shown: Any) -> float:
    return math.nan if shown is None else float(shown)


def series(shown: Any) -> Any:
    """A number, or a series as an array; null is nan."""
    return np.array([number(one) for one in shown]) if isinstance(shown, list) else number(shown)


def _known(values: Any) -> Floats:
    array = np.atleast_1d(np.asarray(values, float))
    known: Floats = array[~np.isnan(array)]
    return known


def _fold(function: Callable[[Floats], Any]) -> Callable[..., float]:
    def fold(values: Any) -> float:
        known = _known(values)
        return float(function(known)) if len(known) else math.nan

    return fold


def _ranked(method: str) -> Callable[..., float]:
    def percentile(values: Any, percent: float) -> float:
        known = _known(values)
        return float(np.percentile(known, percent, method=method)) if len(known) else math.nan  # type: ignore[call-overload]

    return percentile


def _either(function: Any, fold: Any) -> Callable[..., Any]:
    def either(*row: Any) -> Any:
        return fold(row[0]) if len(row) == 1 else function.reduce(np.broadcast_arrays(*row))

    return either


def _running_mean(values: Floats, width: float) -> Floats:
    size = int(width)
    means = np.full(len(values), math.nan)
    for end in range(size, len(values) + 1):
        means[end - 1] = values[end - size : end].mean()
    return means


def _highest(*row: Any) -> float:
    known = _known(list(row))
    return float(known.max()) if len(known) else math.nan


def _longest_run(truths: Floats) -> float:
    text = "".join("1" if each == 1 else " " for each in truths)
    return float(max((len(run) for run in text.split()), default=0))


def _age(values: Floats) -> Floats:
    return np.where(np.isnan(values), math.nan, np.arange(len(values))[::-1])


def _half_up(value: float, digits: float) -> float:
    return float(np.floor(np.round(value * 10**digits, 9) + 0.5) / 10**digits)


def _truncate(value: float, digits: float) -> float:
    return float(np.trunc(np.round(value * 10**digits, 9)) / 10**digits)


def _count(truths: Any) -> float:
    return float((np.asarray(truths) == 1).sum())


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "exp": np.exp,
    "ln": np.log,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "power_of": lambda level: 10.0 ** (np.asarray(level) / 10),
    "level_of": lambda power: 10 * np.log10(power),
    "known": lambda value: np.where(np.isnan(value), 0.0, 1.0),
    "truncate": _truncate,
    "round_half_up": _half_up,
    "min": _either(np.minimum, _fold(np.min)),
    "max": _either(np.maximum, _fold(np.max)),
    "highest": _highest,
    "first_known": lambda *row: next((one for one in row if not math.isnan(one)), math.nan),
    "how_many": lambda *row: float(len(_known(list(row)))),
    "sum": _fold(np.sum),
    "mean": _fold(np.mean),
    "median": _fold(np.median),
    "count": _count,
    "places": lambda values: float(len(values)),
    "first": _fold(lambda known: known[0]),
    "last": _fold(lambda known: known[-1]),
    "percentile": _ranked("linear"),
    "percentile_hazen": _ranked("hazen"),
    "percentile_weibull": _ranked("weibull"),
    "deviation": _fold(lambda known: np.std(known, ddof=1)),
    "deviation_all": _fold(np.std),
    "longest_run": _longest_run,
    "age": _age,
    "newest": lambda values, count: values[-int(count) :],
    "running_mean": _running_mean,
    "unit": lambda _: 1.0,
}


class Reckoner:
    """Works out the text of an expression.

    Args:
        given: series by name, and what clocks show by `hour_of(name)`.
        tables: of the rule's body.
    """

    def __init__(self, given: Json, tables: Sequence[Json]) -> None:
        self._given = {name: series(shown) for name, shown in given.items()}
        self._tables = {table["name"]: table for table in tables}

    def of(self, text: str) -> Any:
        with np.errstate(all="ignore"):
            return self._node(ast.parse(text, mode="eval").body)

    def _node(self, node: ast.expr) -> Any:  # noqa: C901, PLR0911 (a case for each node)
        match node:
            case ast.Constant(value):
                return float(value) if isinstance(value, int | float) else value
            case ast.Name("missing"):
                return math.nan
            case ast.Name(name):
                return self._given[name]
            case ast.UnaryOp(ast.USub(), operand):
                return -self._node(operand)
            case ast.UnaryOp(ast.Not(), operand):
                return _lacking(lambda one: one == 0, self._node(operand))
            case ast.BinOp(left, operator, right):
                return _BINARY[type(operator)](self._node(left), self._node(right))
            case ast.Compare(left, [operator], [right]):
                return _lacking(_COMPARE[type(operator)], self._node(left), self._node(right))
            case ast.BoolOp(operator, values):
                operands = [self._node(one) for one in values]
                return _logic(operands, both=isinstance(operator, ast.And))
            case ast.IfExp(test, body, orelse):
                said = self._node(test)
                chosen = np.where(said == 1, self._node(body), self._node(orelse))
                return _plain(np.where(np.isnan(said), math.nan, chosen))
            case ast.Call(ast.Name("lookup"), [ast.Name(table), operand]):
                return self._look_up(self._tables[table], self._node(operand))
            case ast.Call(ast.Name(name)) if name in {"hour_of", "weekday_of", "month_of"}:
                return self._given[ast.unparse(node)]
            case ast.Call(ast.Name(name), arguments):
                return FUNCTIONS[name](*[self._node(one) for one in arguments])
        raise AssertionError(ast.dump(node))

    @staticmethod
    def _look_up(table: Json, value: float) -> float:
        rows = [[float(one) for one in row] for row in table["rows"]]
        first, last = rows[0], rows[-1]
        if math.isnan(value) or (value < first[0] and table["below"] == "missing"):
            return math.nan
        if value > last[1] and table["above"] != "extend":
            return last[3] if table["above"] == "hold" else math.nan
        if value < first[0] and table["below"] == "hold":
            return first[2]
        by_from = [row for row in rows if row[0] <= value] or [first]
        by_to = [row for row in rows if value <= row[1]] or [last]
        begin, end, low, high = by_from[-1] if table["edge"] == "from" else by_to[0]
        return low if low == high else low + (high - low) * (value - begin) / (end - begin)


def _plain(found: Any) -> Any:
    return float(found) if np.ndim(found) == 0 else found


def _lacking(function: Callable[..., Any], *operands: Any) -> Any:
    """A truth, missing where an operand is."""
    lacks = np.any(np.broadcast_arrays(*[np.isnan(one) for one in operands]), axis=0)
    return _plain(np.where(lacks, math.nan, np.asarray(function(*operands), float)))


def _logic(operands: list[Any], *, both: bool) -> Any:
    truths = np.broadcast_arrays(*operands)
    decides = np.any([one == (0.0 if both else 1.0) for one in truths], axis=0)
    lacks = np.any([np.isnan(one) for one in truths], axis=0)
    return _plain(np.where(decides, float(not both), np.where(lacks, math.nan, float(both))))


_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: lambda left, right: left < right,
    ast.LtE: lambda left, right: left <= right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
    ast.Eq: lambda left, right: left == right,
    ast.NotEq: lambda left, right: left != right,
}

COMBINE: Final[dict[str, Callable[[Floats], Any]]] = {
    "mean": np.mean,
    "sum": np.sum,
    "min": np.min,
    "max": np.max,
    "median": np.median,
}


def combined(values: Sequence[Any], word: str, least: int) -> Any:
    """Numbers of stations as one, or their series place by place."""
    if any(np.ndim(one) for one in values):
        return np.array([combined(row, word, least) for row in zip(*values, strict=True)])
    known = _known(list(values))
    return float(COMBINE[word](known)) if len(known) >= max(least, 1) else math.nan


def weighted(zones: Sequence[Json], values: Sequence[float]) -> float:
    pairs = zip(values, zones, strict=True)
    known = [(v, number(z["population"])) for v, z in pairs if not math.isnan(v)]
    return sum(v * w for v, w in known) / sum(w for _, w in known) if known else math.nan


def input_value(one: Json, least: int) -> Any:
    """An input from its stations, or its zones from theirs."""
    if not one["zones"]:
        return combined(
            [series(station["values"] or station["value"]) for station in one["stations"]],
            one["combine"],
            least,
        )
    found = [
        combined([number(each["value"]) for each in zone["stations"]], zone["combine"], least)
        for zone in one["zones"]
    ]
    for zone, value in zip(one["zones"], found, strict=True):
        assert close(value, number(zone["value"])), zone
    return weighted(one["zones"], found)


def evaluated(told: Json, rule: Json) -> float:
    """Parts, then the expression, from the text with numbers put in."""
    reckoner = Reckoner(
        {**told["given"], **{part["name"]: part["value"] for part in told["parts"]}},
        rule.get("tables", ()),
    )
    for part in told["parts"]:
        # No number (the logarithm of nothing) is null in JSON.
        found, shown = np.asarray(reckoner.of(part["with_numbers"]), float), series(part["value"])
        found = np.where(np.isfinite(found), found, np.nan)
        assert np.allclose(found, shown, rtol=1e-9, atol=1e-12, equal_nan=True), part
    value = float(reckoner.of(told["with_numbers"]))
    value = value * told["scale"] if math.isfinite(value) else math.nan
    assert close(value, number(told["unrounded"])), told
    return value


def derived(derivation: Json, rule: Json) -> float:
    """What a derivation comes to, unrounded."""
    least = derivation["min_stations"]
    if derivation["order"] == "combine_first":
        for one in derivation["inputs"]:
            found, shown = input_value(one, least), series(one["values"] or one["value"])
            if np.size(found) or np.size(shown):
                assert np.allclose(found, shown, rtol=1e-9, equal_nan=True), (one["name"], found)
        return evaluated(derivation, rule)
    if derivation["zones"]:
        zones = [derived(zone["derivation"], rule) for zone in derivation["zones"]]
        return weighted(derivation["zones"], zones)
    each = [evaluated(sensor, rule) for sensor in derivation["sensors"]]
    return float(combined(each, derivation["combine"], least))


def stations(derivation: Json) -> Iterator[tuple[Json, Json]]:
    """Every input with each of its stations, of all zones."""
    for one in derivation["inputs"]:
        for group in (one, *one["zones"]):
            for station in group["stations"]:
                yield one, station
    for zone in derivation["zones"]:
        if zone.get("derivation"):
            yield from stations(zone["derivation"])


def check(told: Json) -> None:
    """Work out an explanation; what comes out must be its value, and the indicator's."""
    assert told["agrees"], told["indicator"]
    rule = told["rule"]
    found = derived(told["derivation"], rule)
    if told["value"] is None:
        return  # too little of it is known, whatever comes out
    rounding = rule.get("rounding")
    step = 0.0 if rounding is None else 10.0 ** -rounding["digits"]
    assert abs(found - told["value"]) <= step + 1e-9 * abs(found), (
        rule["id"],
        found,
        told["value"],
    )
    assert close(told["indicator"]["value"], told["value"])


def check_station(rule_input: Json, station: Json) -> None:
    """From quarter hours to the shortest windows, from these to the station's value."""
    lowest = station["levels"][0]
    buckets = station["buckets"]
    for window in lowest["windows"]:
        if buckets is not None:
            mine = [b for b in buckets if window["begin"] <= b["begin"] < window["end"]]
            assert close(sum(b["integral"] for b in mine), window["integral"])
            assert close(sum(b["covered_seconds"] for b in mine), window["covered_seconds"])
        if window["value"] is not None:
            _check_lowest(rule_input, lowest, window, station["scale"])
    for below, level in zip(station["levels"], station["levels"][1:], strict=False):
        for window in level["windows"]:
            _check_level(below, level, window)
    if station["values"] is None and station["value"] is not None:
        assert close(station["value"], station["levels"][-1]["windows"][0]["value"])


def _check_lowest(rule_input: Json, level: Json, window: Json, scale: float) -> None:
    value = window["count"] if level["statistic"] == "count" else window["integral"]
    if level["statistic"] in {"mean", "energy_mean"}:
        value /= window["covered_seconds"]
    if level["statistic"] == "energy_mean":
        value = 10 * math.log10(value)
    value = max(value * scale, rule_input.get("floor", -math.inf))
    own = rule_input.get("levels") or [rule_input]
    rounding = own[0].get("rounding")
    step = 1e-9 * abs(value) if rounding is None else 10.0 ** -rounding["digits"]
    assert abs(value - window["value"]) <= step + 1e-12, (value, window)


_LEVEL: Final[dict[str, Callable[[Floats], Any]]] = {
    **COMBINE,
    "total": np.sum,
    "count": len,
    "first": lambda known: known[0],
    "last": lambda known: known[-1],
    "energy_mean": lambda known: 10 * np.log10(np.mean(10 ** (known / 10))),
}


def _check_level(below: Json, level: Json, window: Json) -> None:
    if window["value"] is None:
        return
    held = [
        number(one["value"])
        for one in below["windows"]
        if window["first"] <= one["begin"] <= window["last"]
    ]
    if len(held) != window["places"]:
        return  # begins are restricted to some hours of the day
    found = float(_LEVEL[level["statistic"]](_known(held)))
    assert (
        abs(found - window["value"]) <= 0.5 + abs(found) * 1e-9
        if level.get("rounding")
        else close(found, window["value"])
    ), (found, window)
