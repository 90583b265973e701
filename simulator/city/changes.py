"""What a scenario does to values and to who speaks; pure functions of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.times import US
from simulator.city.scenario import Effect, Scenario, Silence
from simulator.city.stations import Station
from simulator.signals import Numbers, Times

_HOUR_US: Final = 3600 * US


@dataclass(frozen=True, slots=True)
class Changes:
    """A scenario's effects and silences in a run that begins at `begin_us`."""

    scenario: Scenario | None = None
    begin_us: int = 0

    def of_city(self, signal: str, values: Numbers, us: Times) -> Numbers:
        """The city's own course, which others follow: by what befalls all of it."""
        for one in self._effects(signal):
            if one.is_of_all and not one.at_instrument:
                values = self._changed(one, values, us)
        return values

    def of_sensor(self, signal: str, station: Station, values: Numbers, us: Times) -> Numbers:
        """What a sensor sees."""
        for one in self._effects(signal):
            if not one.at_instrument and one.chooses(station):
                values = self._changed(one, values, us)
        return values

    def of_instrument(self, signal: str, station: Station, values: Numbers, us: Times) -> Numbers:
        """What an instrument shows."""
        for one in self._effects(signal):
            if one.at_instrument and one.chooses(station):
                values = self._changed(one, values, us)
        return values

    def speaks(self, station: Station, us: Times) -> NDArray[np.bool_]:
        """At which times a station speaks at all."""
        speaking = np.ones(len(us), np.bool_)
        for one in self._silences():
            if one.chooses(station) and self.scenario is not None:
                begin, end = self.scenario.span_us(one, self.begin_us)
                speaking &= (us < begin) | (us >= end)
        return speaking

    def _effects(self, signal: str) -> Sequence[Effect]:
        if self.scenario is None:
            return ()
        return [one for one in self.scenario.effect if one.signal == signal]

    def _silences(self) -> Sequence[Silence]:
        return () if self.scenario is None else self.scenario.silence

    def _changed(self, one: Effect, values: Numbers, us: Times) -> Numbers:
        extent = self._extent(one, us)
        if one.set is not None:
            return np.where(extent > 0, one.set, values)
        return values * (1.0 + (one.times - 1.0) * extent) + one.plus * extent

    def _extent(self, one: Effect, us: Times) -> Numbers:
        """How far an effect has grown, 0 to 1."""
        begin = self.begin_us + round(one.from_h * _HOUR_US)
        end = self.begin_us + round(one.to_h * _HOUR_US)
        if not one.ramp_h:
            return ((us >= begin) & (us < end)).astype(np.float64)
        ramp = one.ramp_h * _HOUR_US
        grown = np.minimum(us - begin, end - us) / ramp
        extent: Numbers = np.minimum(np.maximum(grown, 0.0), 1.0)
        return extent
