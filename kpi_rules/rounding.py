"""Rounding of decimal numbers that are kept in binary: what a standard means by it.

Binary numbers miss the decimals they stand for: the mean of 24 times 16.1 may be
16.099999999999998, and truncated to one digit it must still be 16.1. So a number that is as near
to a step as arithmetic can tell counts as lying on it. As near: a millionth of a step, or as single
precision can tell (devices send it), but at most a thousandth of a step.
"""

import math
from enum import StrEnum
from typing import Final

NEAR: Final = 1e-6
"""Of a step."""
NEAREST: Final = 1e-3
"""Of a step: never more than that, however large the number is."""
SINGLE: Final = 2.0**-23
"""Relative spacing of numbers in single precision."""
WHOLE: Final = 2.0**52
"""From here on every double is a whole number."""
MOST_DIGITS: Final = 9


class Mode(StrEnum):
    """Which step a number goes to."""

    TRUNCATE = "truncate"
    """Towards zero."""
    HALF_UP = "half_up"
    """The nearest; from the middle, the higher."""
    HALF_EVEN = "half_even"
    """The nearest; from the middle, the even one."""
    UP = "up"
    """The next higher, unless it lies on one."""
    DOWN = "down"
    """The next lower, unless it lies on one."""


def rounded(value: float, mode: Mode, digits: int) -> float:
    """A number rounded to decimal digits; what is not finite stays as it is.

    Args:
        value: any number.
        mode: which step it goes to.
        digits: decimals; negative ones are tens, hundreds, …
    """
    power = 10.0 ** abs(digits)
    steps = value * power if digits >= 0 else value / power
    if not abs(steps) < WHOLE:
        return value
    whole = _whole(steps, mode) + 0.0  # no negative zero
    return whole / power if digits >= 0 else whole * power


def _whole(steps: float, mode: Mode) -> float:
    near = min(NEAREST, max(NEAR, abs(steps) * SINGLE))
    match mode:
        case Mode.TRUNCATE:
            return math.copysign(math.floor(abs(steps) + near), steps)
        case Mode.HALF_UP:
            return float(math.floor(steps + 0.5 + near))
        case Mode.HALF_EVEN:
            return _half_even(steps, near)
        case Mode.UP:
            return float(math.ceil(steps - near))
        case Mode.DOWN:
            return float(math.floor(steps + near))


def _half_even(steps: float, near: float) -> float:
    below = float(math.floor(steps))
    if abs(steps - below - 0.5) <= near:
        return below if below % 2.0 == 0.0 else below + 1.0
    return float(math.floor(steps + 0.5))
