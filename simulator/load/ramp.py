"""A ramp: rates one after the other, each a load and a city of its own, until one does not hold."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from cityvitals.errors import SettingsError
from simulator.load.judge import Step, holds, knee

_FORM: Final = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)(?::(\d+(?:\.\d+)?))?\Z", re.ASCII)
_USUAL_FACTOR: Final = 1.25
_MOST_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class Ramp:
    """Rates from `first` to `last`, each `factor` times the one before."""

    first: float
    last: float
    factor: float = _USUAL_FACTOR

    def rates(self) -> Iterator[float]:
        """The rates, ascending; the last is `last`."""
        rate = self.first
        while rate < self.last:
            yield rate
            rate *= self.factor
        yield self.last


def read_ramp(text: str) -> Ramp:
    """A ramp as the command line has it: FROM:TO, or FROM:TO:FACTOR.

    Raises:
        SettingsError: saying what was expected.
    """
    match = _FORM.match(text)
    if match is None:
        raise SettingsError(f"load: --ramp: expected FROM:TO or FROM:TO:FACTOR, got {text!a}")
    first, last, factor = float(match[1]), float(match[2]), float(match[3] or _USUAL_FACTOR)
    if not 1 <= first < last or not factor > 1:
        raise SettingsError(f"load: --ramp: expected 1 <= FROM < TO and FACTOR > 1, got {text!a}")
    ramp = Ramp(first, last, factor)
    if sum(1 for _ in zip(ramp.rates(), range(_MOST_STEPS + 1), strict=False)) > _MOST_STEPS:
        raise SettingsError(f"load: --ramp: expected at most {_MOST_STEPS} rates: raise FACTOR")
    return ramp


def climb(
    ramp: Ramp,
    within_ms: float,
    measure: Callable[[int, float], Step | None],
    tell: Callable[[str], None],
) -> list[Step]:
    """The steps up to the first that does not hold.

    Args:
        ramp: the rates.
        within_ms: see `judge.holds`.
        measure: loads with a rate, given its number; None where it was stopped.
        tell: is given a line about each.
    """
    steps = []
    for number, rate in enumerate(ramp.rates()):
        step = measure(number, rate)
        if step is None:
            break
        steps.append(step)
        tell(told(step, within_ms))
        if not holds(step, within_ms):
            break
    return steps


def told(step: Step, within_ms: float) -> str:
    """A step in one line."""
    lag = "" if step.lag is None else f", service {step.lag:,} readings behind"
    word = "holds" if holds(step, within_ms) else "does not hold"
    return (
        f"  {step.asked:,.0f}/s: reached {step.reached:,.0f}/s, p99 {step.ack_p99_ms:,.1f} ms{lag}:"
        f" {word}"
    )


def verdict(steps: list[Step], within_ms: float) -> str:
    """Where the knee is, in one line."""
    best = knee(steps, within_ms)
    if best is None:
        return "knee: below the first rate"
    beyond = steps[-1].asked if not holds(steps[-1], within_ms) else None
    if beyond is None:
        return f"knee: above {best.asked:,.0f} readings/s, the last that was tried"
    return f"knee: {best.asked:,.0f} readings/s hold, {beyond:,.0f} do not"
