"""The catalogue of quantities and units, read from its TOML files once per process.

Dimensions, scales and offsets stand in the files as exact numbers, so that no process imports pint;
a test holds them equal to pint's.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, NamedTuple

from cityvitals.catalogue.entry import Entry, parse_toml
from cityvitals.domain.names import INTERVALS, Domain, Kind, Stamp
from cityvitals.errors import BadCatalogue

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_KINDS: Final = {kind.name.lower(): kind for kind in Kind}
_STAMPS: Final = {stamp.name.lower(): stamp for stamp in Stamp}
_DOMAINS: Final = {domain.value: domain for domain in Domain}

_MOST_POWER: Final = 9
"""Of a base dimension."""

MOST_FAULT_CODES: Final = 4
"""Of one quantity: each reading is compared with all of them."""


class Average(StrEnum):
    """By what a quantity's numbers are averaged over time."""

    ARITHMETIC = "arithmetic"
    ENERGY = "energy"
    """By their powers, 10^(level/10): levels in dB."""


_AVERAGES: Final = {average.value: average for average in Average}

Dimension = tuple[tuple[str, Fraction], ...]
"""Powers of base dimensions, sorted by name; empty for a plain number."""


class Conversion(NamedTuple):
    """How a number becomes canonical: value * scale + offset."""

    scale: float
    offset: float


@dataclass(frozen=True, slots=True)
class UnitToken:
    """A unit by its canonical token.

    Attributes:
        token: the canonical name, UCUM where it has one.
        unit: the same unit as a pint expression.
        family: only units of one family convert into each other.
        scale: base units of the family in one of this.
        offset: where this unit's zero lies, in base units.
        dimension: its family's.
    """

    token: str
    unit: str
    family: str
    scale: Fraction
    offset: Fraction
    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a sensor can watch, and what its readings mean unless declared otherwise.

    Attributes:
        unit: canonical token of the unit that values are stored in.
        period_s: length of the interval a reading stands for; 0 for gauges.
        reporting_s: seconds between readings.
        low: readings below are flagged out of range, in `unit`; None for no bound.
        high: readings above are flagged out of range, in `unit`; None for no bound.
        fault_codes: numbers that devices send instead of a value, compared as sent: a device that
            has none to send does not convert it first.
        limits: what the bounds rest on.
        averaged: by what its numbers are averaged over time.
        step: two samples in a row that lie further apart are counted as `stepped`; None for no
            bound.
    """

    name: str
    title: str
    domain: Domain
    unit: str
    kind: Kind
    period_s: float
    stamp: Stamp
    reporting_s: float
    low: float | None
    high: float | None
    fault_codes: tuple[float, ...]
    limits: str
    averaged: Average = Average.ARITHMETIC
    step: float | None = None

    @property
    def is_level(self) -> bool:
        """Whether its numbers are levels in dB, of which only the powers can be averaged."""
        return self.averaged is Average.ENERGY


def _plain(token: str) -> str:
    """A token with its lookalikes folded: micro signs, superscripts, outer blanks."""
    return unicodedata.normalize("NFKC", token).strip()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Quantities by name and units by token, with the conversions between them."""

    quantities: Mapping[str, Quantity]
    units: Mapping[str, UnitToken]
    """By canonical token and by every other name, lookalikes folded."""
    _conversions: dict[tuple[str, str], Conversion | None]
    """Filled as asked for; bounded, because only spellings of known units are kept."""

    def find_unit(self, token: str) -> UnitToken | None:
        """The unit that a token names, however it is spelled; None if nobody knows it."""
        return self.units.get(token) or self.units.get(_plain(token))

    def conversion(self, quantity: str, token: str) -> Conversion | None:
        """How numbers in the unit `token` become canonical values of `quantity`.

        None: the quantity or the unit is unknown, or the unit does not fit the quantity.
        """
        key = (quantity, token)
        if key in self._conversions:
            return self._conversions[key]
        found, unit = self.quantities.get(quantity), self.find_unit(token)
        if found is None or unit is None:
            return None
        made = convert(unit, self.units[found.unit])
        # Blanks around a token can be any number, other spellings of a known unit are few.
        if token == token.strip():
            self._conversions[key] = made
        return made


def convert(source: UnitToken, target: UnitToken) -> Conversion | None:
    """How numbers in one unit become numbers in another; None across families."""
    if source.family != target.family:
        return None
    return Conversion(
        float(source.scale / target.scale),
        float((source.offset - target.offset) / target.scale),
    )


def _exact(entry: Entry, key: str, default: str | None = None) -> Fraction:
    text = entry.text(key) if default is None else entry.text(key, default=default)
    above, _, below = text.partition("/")
    try:
        return Fraction(above) / Fraction(below or "1")
    except (ValueError, ZeroDivisionError):
        raise entry.fail(key, f"expected a decimal or a fraction, got {text!r}") from None


def _dimension(family: Entry) -> Dimension:
    powers = family.wholes("dimension", -_MOST_POWER, _MOST_POWER)
    return tuple(sorted((f"[{name}]", Fraction(power)) for name, power in powers.items()))


def _unit(entry: Entry, family: str, dimension: Dimension) -> tuple[UnitToken, tuple[str, ...]]:
    unit = UnitToken(
        token=entry.text("token"),
        unit=entry.text("pint"),
        family=family,
        scale=_exact(entry, "scale"),
        offset=_exact(entry, "offset", "0"),
        dimension=dimension,
    )
    if unit.scale <= 0:
        raise entry.fail("scale", f"expected a positive number, got {unit.scale}")
    names = entry.texts("names")
    entry.finish()
    return unit, names


def read_units(text: str, name: str) -> dict[str, UnitToken]:
    """Units by every spelling.

    Raises:
        BadCatalogue: naming file, family and key; also when two units share a spelling.
    """
    units: dict[str, UnitToken] = {}
    top = Entry(parse_toml(text, name, BadCatalogue), name, BadCatalogue)
    for family in top.tables("family"):
        title = family.text("name")
        family.text("base")
        dimension = _dimension(family)
        for entry in family.tables("unit"):
            unit, names = _unit(entry, title, dimension)
            for spelling in {_plain(each) for each in (unit.token, *names)}:
                if spelling in units:
                    raise entry.fail("names", f"{spelling!r} already names {units[spelling].token}")
                units[spelling] = unit
        family.finish()
    top.finish()
    return units


def _quantity(name: str, entry: Entry, units: Mapping[str, UnitToken]) -> Quantity:
    kind = entry.choice("kind", _KINDS)
    is_interval = kind in INTERVALS
    period_s = entry.number("period_s", 1, 86_400) if is_interval else 0.0
    stamp = entry.choice("stamp", _STAMPS) if is_interval else Stamp.END
    reporting_s = period_s if is_interval else entry.number("reporting_s", 1, 86_400)
    quantity = Quantity(
        name=name,
        title=entry.text("title"),
        domain=entry.choice("domain", _DOMAINS),
        unit=entry.text("unit"),
        kind=kind,
        period_s=period_s,
        stamp=stamp,
        reporting_s=reporting_s,
        low=entry.optional_number("low"),
        high=entry.optional_number("high"),
        fault_codes=entry.numbers("fault_codes"),
        limits=entry.text("limits"),
        averaged=entry.choice("averaged", _AVERAGES, default=Average.ARITHMETIC.value),
        step=entry.optional_number("step", 0),
    )
    entry.finish()
    if quantity.is_level and quantity.unit != "dB":
        raise entry.fail("averaged", f"expected levels in dB, got {quantity.unit!r}")
    if len(quantity.fault_codes) > MOST_FAULT_CODES:
        raise entry.fail("fault_codes", f"expected at most {MOST_FAULT_CODES}")
    unit = units.get(quantity.unit)
    if unit is None or unit.token != quantity.unit:
        raise entry.fail("unit", f"expected a canonical token, got {quantity.unit!r}")
    if quantity.low is not None and quantity.high is not None and quantity.low >= quantity.high:
        raise entry.fail(
            "low", f"expected less than high ({quantity.high:g}), got {quantity.low:g}"
        )
    return quantity


def read_quantities(text: str, name: str, units: Mapping[str, UnitToken]) -> dict[str, Quantity]:
    """Quantities by name.

    Raises:
        BadCatalogue: naming file, quantity and key.
    """
    quantities = {}
    for key, table in parse_toml(text, name, BadCatalogue).items():
        if not _NAME.fullmatch(key):
            raise BadCatalogue(f"{name}: {key}: expected a name like {_NAME.pattern}")
        if not isinstance(table, dict):
            raise BadCatalogue(f"{name}: {key}: expected a table, got {table!r}")
        quantities[key] = _quantity(key, Entry(table, f"{name}: {key}", BadCatalogue), units)
    return quantities


def read_catalogue(quantities: str, units: str) -> Catalogue:
    """The catalogue of two TOML texts; BadCatalogue names what is wrong in which."""
    known = read_units(units, "units.toml")
    return Catalogue(
        MappingProxyType(read_quantities(quantities, "quantities.toml", known)),
        MappingProxyType(known),
        {},
    )


@cache
def load_catalogue() -> Catalogue:
    """The shipped catalogue; read once, then the same object."""
    folder = files("cityvitals.catalogue")
    return read_catalogue(
        folder.joinpath("quantities.toml").read_text("utf-8"),
        folder.joinpath("units.toml").read_text("utf-8"),
    )
