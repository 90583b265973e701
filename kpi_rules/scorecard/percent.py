"""Percent of the target, and the points for it. Pure.

U4SSC does not say how a percentage is taken where lower is better. Ours is linear: 0 % at the
start, 100 % at the target. The start is 0 where higher is better, and 100 where lower is better
and the unit is %; elsewhere a target says it. Where nearer is better it is the smaller of both
over the greater.
"""

from fractions import Fraction
from typing import Final

from kpi_rules.scorecard.model import Band, Better, Point

_WHOLE: Final = Fraction(100)


def start_of(point: Point, start: Fraction | None) -> Fraction | None:
    """The value that counts as 0 %: as stated, or as goes without saying; None for neither."""
    if start is not None or point.better is Better.NEAREST:
        return start
    if point.better is Better.HIGHER:
        return Fraction(0)
    return _WHOLE if point.better is Better.LOWER and point.unit == "%" else None


def target_problem(point: Point, target: Fraction, start: Fraction | None) -> str:
    """What keeps a target from being scored against; "" for nothing."""
    if point.better is Better.NEAREST and start is None:
        return "" if target > 0 else "expected a target above 0: nearness to it is a quotient"
    begin = start_of(point, start)
    if begin is None:
        why = "lower is better" if point.better is Better.LOWER else "no way is said to be better"
        return f"expected a start, the value that counts as 0 %: {why}"
    if begin == target:
        return f"expected a target other than its start, {float(begin):g}"
    if point.better is Better.HIGHER and target < begin:
        return f"higher is better, but the target is below its start, {float(begin):g}"
    if point.better is Better.LOWER and target > begin:
        return f"lower is better, but the target is above its start, {float(begin):g}"
    return ""


def percent_of_target(
    point: Point, value: Fraction, target: Fraction, start: Fraction | None
) -> Fraction:
    """How much of a target is reached, in percent: 0 at the least, over 100 beyond it.

    Args:
        point: what is scored.
        value: of it.
        target: for it; `target_problem` has found nothing wrong with it.
        start: as the target states it.
    """
    if point.better is Better.NEAREST and start is None:
        if value <= 0:
            return Fraction(0)
        return min(value / target, target / value) * _WHOLE
    begin = start_of(point, start)
    if begin is None:
        raise ValueError(f"{point.id}: {target_problem(point, target, start)}")
    return max((value - begin) / (target - begin) * _WHOLE, Fraction(0))


def band_of(bands: tuple[Band, ...], percent: Fraction) -> Band:
    """The band that holds a percentage: each begins at its lower edge."""
    found = bands[0]
    for band in bands:
        if percent >= band.begin:
            found = band
    return found
