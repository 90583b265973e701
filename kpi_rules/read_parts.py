"""The parts of a rule from its TOML: windows, inputs, facts, constants, bands, targets."""

import re
from itertools import pairwise
from typing import Final

from cityvitals.catalogue.entry import Entry
from cityvitals.catalogue.gases import MOLAR_MASS, parse_reference
from cityvitals.catalogue.load import Quantity, UnitToken, load_catalogue
from cityvitals.domain.names import EXCLUDING_FLAGS, Flag, Kind
from kpi_rules.model import (
    Band,
    Constant,
    FactUse,
    Input,
    Level,
    Rounding,
    Space,
    Standard,
    Target,
    Window,
)
from kpi_rules.rounding import MOST_DIGITS, Mode
from kpi_rules.units import SECOND, Measure, UnfitUnits, measure_of, scale_to, times
from kpi_rules.words import (
    SIZE_H,
    STEP,
    BelongsTo,
    ClockName,
    Combine,
    Fold,
    Length,
    Order,
    Statistic,
)

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_COLOUR: Final = re.compile(r"#[0-9A-F]{6}")
_LENGTHS: Final = {each.value: each for each in Length}
_CLOCKS: Final = {each.value: each for each in ClockName}
_FOLDS: Final = {each.value: each for each in Fold}
_STATISTICS: Final = {each.value: each for each in Statistic}
_COMBINES: Final = {each.value: each for each in Combine}
_ORDERS: Final = {each.value: each for each in Order}
_BELONGS: Final = {each.value: each for each in BelongsTo}
_MODES: Final = {each.value: each for each in Mode}
_FLAGS: Final = {each.name.lower(): each for each in Flag}
_ALWAYS_LEFT_OUT: Final = frozenset(name for name, flag in _FLAGS.items() if flag & EXCLUDING_FLAGS)
_MOST_COUNT: Final = 1_000_000
_VALID_HOUR: Final = Level(Length.HOUR, Statistic.MEAN, min_coverage=0.75)
_VALID_LEVEL: Final = Level(Length.HOUR, Statistic.ENERGY_MEAN, min_coverage=0.75)
_AMOUNTS: Final = frozenset({Kind.INTERVAL_TOTAL, Kind.COUNTER, Kind.EVENT})
_OF_AMOUNTS: Final = frozenset({Statistic.TOTAL, Statistic.INCREASE, Statistic.COUNT})
_OF_QUARTERS: Final = frozenset(
    {*_OF_AMOUNTS, Statistic.MEAN, Statistic.INTEGRAL, Statistic.ENERGY_MEAN}
)
"""What only some quantities have of quarter hours."""


def read_window(entry: Entry) -> Window:
    """Which stretch of time a value is about."""
    length = entry.choice("length", _LENGTHS)
    window = Window(
        length,
        entry.choice("clock", _CLOCKS),
        entry.choice("fold", _FOLDS),
        _step(entry, length),
    )
    entry.finish()
    return window


def _step(entry: Entry, length: Length) -> Length | None:
    """How far windows lie apart; a running one has a customary step."""
    if not entry.has("step"):
        return STEP.get(length)
    step = entry.choice("step", _LENGTHS)
    if length not in STEP or SIZE_H[step] >= SIZE_H[length]:
        raise entry.fail("step", f"expected a shorter step, of a running window, got {step}")
    return step


def read_rounding(entry: Entry, key: str = "rounding") -> Rounding | None:
    """To which step a number is rounded, if to any."""
    table = entry.optional_table(key)
    if table is None:
        return None
    found = Rounding(table.choice("mode", _MODES), table.whole("digits", -MOST_DIGITS, MOST_DIGITS))
    table.finish()
    return found


def read_space(entry: Entry) -> Space:
    """How stations become a zone and the city."""
    space = Space(
        entry.choice("zone", _COMBINES),
        entry.choice("city", _COMBINES),
        entry.number("min_coverage", 0, 1),
        entry.choice("order", _ORDERS, default=Order.COMBINE_FIRST.value),
        entry.whole("min_stations", 1, _MOST_COUNT, 1),
    )
    entry.finish()
    return space


def read_input(entry: Entry, space: Space, window: Window) -> Input:
    """One quantity as the expression sees it."""
    quantity = _quantity(entry)
    levels = tuple(_level(each) for each in entry.tables("levels"))
    statistic = entry.choice("statistic", _STATISTICS)
    _check_statistics(entry, quantity, [*(each.statistic for each in levels), statistic])
    if not levels and window.fold is Fold.VALID_HOURS:
        levels = (_VALID_LEVEL if quantity.is_level else _VALID_HOUR,)
    length = entry.choice("window", _LENGTHS) if entry.has("window") else None
    _check_levels(entry, levels, statistic, length or window.length)
    min_coverage = entry.number("min_coverage", 0, 1)
    if min_coverage > 0 and space.zone is space.city is Combine.SUM:
        raise entry.fail("min_coverage", "is not built yet for sums, which take every station: 0")
    unit, state = _seen_in(entry), _state(entry, quantity)
    found = Input(
        name=entry.text("name", NAME),
        quantity=quantity.name,
        statistic=statistic,
        min_coverage=min_coverage,
        unit=quantity.unit,
        levels=levels,
        min_count=entry.whole("min_count", 0, _MOST_COUNT, 0),
        length=length,
        clock=entry.choice("clock", _CLOCKS) if entry.has("clock") else None,
        flags=_flags(entry),
        in_unit="" if unit is None else unit.token,
        scale=_input_scale(entry, quantity, statistic, unit, state),
        reference_state=state,
        floor=entry.optional_number("floor"),
        rounding=read_rounding(entry),
        optional=entry.truth("optional", default=False),
        combine=entry.choice("combine", _COMBINES) if entry.has("combine") else None,
    )
    entry.finish()
    return found


def _quantity(entry: Entry) -> Quantity:
    name = entry.text("quantity")
    found = load_catalogue().quantities.get(name)
    if found is None:
        raise entry.fail("quantity", f"expected a quantity of the catalogue, got {name!r}")
    return found


def _check_statistics(entry: Entry, quantity: Quantity, statistics: list[Statistic]) -> None:
    """The lowest must be one that the quantity's kind has."""
    lowest = statistics[0]
    fitting = _fitting(quantity)
    if lowest in _OF_QUARTERS and lowest not in fitting:
        words = " or ".join(fitting)
        raise entry.fail("statistic", f"expected {words} of {quantity.name}, got {lowest}")
    if lowest is Statistic.COUNT and entry.has("unit"):
        raise entry.fail("unit", "a count of events has none")
    if Statistic.INTEGRAL in statistics and load_catalogue().units[quantity.unit].offset:
        raise entry.fail("statistic", f"{quantity.unit} has a zero of its own: no integral")
    if Statistic.VALUES in statistics[:-1]:
        raise entry.fail("levels", "only the input itself can have the values")


def _fitting(quantity: Quantity) -> tuple[Statistic, ...]:
    """What quarter hours of a quantity have, whatever kind its series declare."""
    if quantity.is_level:
        return (Statistic.ENERGY_MEAN,)
    if quantity.kind in _AMOUNTS:
        return (Statistic.TOTAL, Statistic.INCREASE, Statistic.COUNT)
    return (Statistic.MEAN, Statistic.INTEGRAL)


def _level(entry: Entry) -> Level:
    length = entry.choice("length", _LENGTHS)
    level = Level(
        length,
        entry.choice("statistic", _STATISTICS),
        entry.number("min_coverage", 0, 1, 0.0),
        entry.whole("min_count", 0, _MOST_COUNT, 0),
        _step(entry, length),
        entry.choice("belongs_to", _BELONGS, default=BelongsTo.BEGIN.value),
        _begins(entry),
        read_rounding(entry),
    )
    entry.finish()
    return level


def _begins(entry: Entry) -> tuple[int, int] | None:
    hours = entry.numbers("begins")
    if not hours:
        return None
    if len(hours) != 2 or not 0 <= hours[0] <= hours[1] <= 23:  # noqa: PLR2004 (first, last hour)
        raise entry.fail("begins", "expected the first and the last hour, from 0 to 23")
    return int(hours[0]), int(hours[1])


def _check_levels(
    entry: Entry, levels: tuple[Level, ...], statistic: Statistic, length: Length
) -> None:
    if statistic is Statistic.VALUES and not levels:
        raise entry.fail("statistic", "values of what? expected levels, such as hours")
    sizes = [SIZE_H[each.length] for each in levels] + [SIZE_H[length]]
    for i, (shorter, longer) in enumerate(pairwise(sizes)):
        if shorter > longer or (shorter == longer and i < len(levels) - 1):
            raise entry.fail(f"levels[{i}].length", "expected lengths that rise to the window's")


def _flags(entry: Entry) -> tuple[str, ...]:
    found = entry.texts("flags")
    for name in found:
        if name not in _FLAGS:
            known = ", ".join(f'"{each}"' for each in _FLAGS)
            raise entry.fail("flags", f"expected some of {known}, got {name!r}")
    return tuple(sorted(set(found) - _ALWAYS_LEFT_OUT))


def _seen_in(entry: Entry) -> UnitToken | None:
    return read_unit(entry) if entry.has("unit") else None


def _state(entry: Entry, quantity: Quantity) -> str:
    text = entry.text("reference_state") if entry.has("reference_state") else ""
    if text and quantity.name not in MOLAR_MASS:
        raise entry.fail("reference_state", f"{quantity.name} is no gas: it has none")
    if text and parse_reference(text) is None:
        raise entry.fail("reference_state", f'expected such as "298.15 K, 101325 Pa", got {text!r}')
    return text


def natural_measure(quantity_unit: UnitToken, statistic: Statistic) -> Measure:
    """The measure of a statistic of a quantity, before any conversion."""
    measure = measure_of(quantity_unit)
    return times(measure, SECOND) if statistic is Statistic.INTEGRAL else measure


def _input_scale(
    entry: Entry, quantity: Quantity, statistic: Statistic, unit: UnitToken | None, state: str
) -> float | None:
    """None where it takes each series' reference state."""
    if unit is None:
        return None if state else 1.0
    canonical = load_catalogue().units[quantity.unit]
    families = {canonical.family, unit.family}
    if families == {"amount fraction", "mass concentration"} or state:
        return None
    try:
        return scale_to(natural_measure(canonical, statistic), unit)
    except UnfitUnits as unfit:
        raise entry.fail("unit", f"{quantity.name} {unfit}") from None


def read_unit(entry: Entry, key: str = "unit", default: str | None = None) -> UnitToken:
    """A unit of the catalogue."""
    token = entry.text(key) if default is None else entry.text(key, default=default)
    unit = load_catalogue().find_unit(token)
    if unit is None:
        raise entry.fail(key, f"expected a unit of the catalogue, got {token!r}")
    return unit


def read_fact(entry: Entry) -> FactUse:
    """A dated figure that the expression uses."""
    fact = FactUse(
        entry.text("name", NAME),
        read_unit(entry).token,
        entry.truth("of_city", default=False),
        entry.truth("optional", default=False),
        entry.truth("values", default=False),
    )
    entry.finish()
    return fact


def read_constant(entry: Entry) -> Constant:
    """A number with a unit that the standard fixes."""
    found = Constant(entry.text("name", NAME), entry.number("value"), read_unit(entry).token)
    entry.finish()
    return found


def read_bands(entry: Entry) -> tuple[Band, ...]:
    """The bands of a rule, or of a set that several share."""
    bands: list[Band] = []
    for each in entry.tables("band"):
        to = each.optional_number("to")
        band = Band(each.text("name"), to, each.text("colour", _COLOUR))
        each.finish()
        before = bands[-1] if bands else None
        if before and (before.to is None or (to is not None and to <= before.to)):
            raise each.fail("to", "expected bands that rise, and only the last without an end")
        bands.append(band)
    if bands and bands[-1].to is not None:
        raise entry.fail("band", "expected a last band without `to`, so that every value has one")
    return tuple(bands)


def read_standard(entry: Entry) -> Standard:
    """Where an outside definition stands."""
    standard = Standard(
        entry.text("body"), entry.text("document"), entry.text("clause"), entry.text("edition")
    )
    entry.finish()
    return standard


def read_target(entry: Entry) -> Target:
    """What is aimed at."""
    found = Target(entry.number("value"), entry.text("by", default=""), entry.text("source"))
    entry.finish()
    return found
