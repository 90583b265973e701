"""Physical limits of a quantity's values, in its canonical unit."""

from typing import NamedTuple


class Limit(NamedTuple):
    """Readings outside low..high are flagged `OUT_OF_RANGE`; None is no bound."""

    low: float | None
    high: float | None
