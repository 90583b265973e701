"""When coverage is enough."""

from typing import Final

_ROUNDING: Final = 1e-9
"""What adding shares of 24ths may be off: nine tenths of ten stations came out 2e-16 below 0.9."""


def least(minimum: float) -> float:
    """The smallest computed coverage that still counts as a rule's minimum, both as shares of 1."""
    return minimum - _ROUNDING
