"""Which bounds a series' values are judged by: the registry's over the catalogue's; pure."""

from cityvitals.catalogue.load import Quantity
from cityvitals.domain.limits import Limit
from cityvitals.domain.names import Kind
from cityvitals.domain.series import Declaration


def limit_of(
    quantity: Quantity, declaration: Declaration, override: Limit | None = None
) -> tuple[float, float]:
    """The bounds (low, high) of a series' canonical values; NaN is no bound.

    What a counter shows has none but the registry's; a state is 0, 1, or between. A bound on totals
    is one on totals of the quantity's default period: what is declared over another period is
    judged in proportion, so that a day's total may be 24 times an hour's.

    Args:
        quantity: of the series.
        declaration: what the series declares.
        override: what the registry says instead of the catalogue, as a whole.
    """
    limit = _usual(quantity, declaration.kind) if override is None else override
    scale = _periods(quantity, declaration)
    return _scaled(limit.low, scale), _scaled(limit.high, scale)


def _usual(quantity: Quantity, kind: Kind) -> Limit:
    if kind == Kind.COUNTER:
        return Limit(None, None)
    if kind == Kind.STATE:
        return Limit(0.0, 1.0)
    return Limit(quantity.low, quantity.high)


def _periods(quantity: Quantity, declaration: Declaration) -> float:
    """How many of the quantity's default periods a reading stands for."""
    totals = declaration.kind == quantity.kind == Kind.INTERVAL_TOTAL
    if not totals or not quantity.period_s or not declaration.period_s:
        return 1.0
    return declaration.period_s / quantity.period_s


def _scaled(bound: float | None, scale: float) -> float:
    return float("nan") if bound is None else bound * scale
