"""A signal: a level, terms upon it, and what the instrument makes of it."""

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
import numpy as np

from simulator.city.terms import AnyTerm, Follows, Scene
from simulator.signals import LocalTimes, Numbers, chance, key_of, place

Changed = Callable[[str, Numbers], Numbers]
"""What a scenario makes of a signal's values, given its name."""


class Signal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What sensors of a quantity see: level, then each term in turn, then grain, clipped.

    Attributes:
        level: where it starts, in the quantity's canonical unit.
        spread: sensors' levels differ by up to this share.
        grain: measuring noise, in the unit.
        low, high: values beyond are cut off there.
        digits: decimals that the instrument shows, in the unit that it sends.
    """

    level: float
    term: tuple[AnyTerm, ...] = ()
    spread: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    grain: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    low: float | None = None
    high: float | None = None
    digits: int = 1

    @property
    def follows(self) -> set[str]:
        """The signals that it follows."""
        return {term.signal for term in self.term if isinstance(term, Follows)}


class Courses:
    """The values of a city's signals at some times; the city's own courses are kept.

    Args:
        changed: of the city's own courses: what a scenario makes of them.
    """

    def __init__(
        self, signals: Mapping[str, Signal], seed: int, times: LocalTimes, changed: Changed
    ) -> None:
        self._signals, self._seed, self._times, self._changed = signals, seed, times, changed
        self._own: dict[str, Numbers] = {}

    def city(self, name: str) -> Numbers:
        """The city's own course of a signal, which others follow: without spread and grain."""
        if name not in self._own:
            self._own[name] = self._changed(name, self._composed(name, ""))
        return self._own[name]

    def sensor(self, name: str, sensor: str) -> Numbers:
        """What a sensor sees of a signal, before a scenario and the instrument."""
        return self._composed(name, sensor)

    def shown(
        self, name: str, sensor: str, seen: Numbers, unit: tuple[float, float] = (1.0, 0.0)
    ) -> Numbers:
        """What the instrument shows of what its sensor sees.

        Args:
            name: of the signal.
            sensor: whose instrument.
            seen: in the canonical unit.
            unit: scale and offset by which its numbers become canonical.
        """
        signal, own = self._signals[name], key_of(self._seed, name, sensor)
        value = seen + signal.grain * (2.0 * chance(own, self._times.us) - 1.0)
        if signal.low is not None:
            value = np.maximum(value, signal.low)
        if signal.high is not None:
            value = np.minimum(value, signal.high)
        if unit != (1.0, 0.0):
            value = (value - unit[1]) / unit[0]
        rounded: Numbers = value.round(signal.digits)
        return rounded

    def _composed(self, name: str, sensor: str) -> Numbers:
        signal = self._signals[name]
        spread = signal.spread * place(key_of(self._seed, name, sensor)) if sensor else 0.0
        value: Numbers = np.full(len(self._times.us), signal.level * (1.0 + spread))
        scene = Scene(self._seed, name, sensor, self._times, self.city)
        for term in signal.term:
            value = term.applied(value, scene)
        return value
