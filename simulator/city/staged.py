"""A seeded city in a scenario, as a feed."""

from collections.abc import Iterator

from cityvitals.domain.names import Clock
from cityvitals.domain.times import US
from simulator.city.changes import Changes
from simulator.city.delivery import delivered
from simulator.city.scenario import Scenario, check_against
from simulator.city.spec import CitySpec
from simulator.city.town import Play, Town
from simulator.feed import Pack


class Staged:
    """A scenario, played from its begin to its end.

    Args:
        seed: what values and what befalls messages follow from.
        now_us: where a live scenario ends.
        scale: stations, as a multiple of the city's.

    Raises:
        SettingsError: the scenario names what the city has not.
    """

    def __init__(
        self,
        spec: CitySpec,
        scenario: Scenario,
        seed: int,
        now_us: int,
        *,
        scale: int = 1,
        city: str | None = None,
    ) -> None:
        begin_us = scenario.begin_us(spec.city.time_zone, now_us)
        length_us = round(scenario.hours * 3600 * US)
        play = Play(
            begin_us + length_us,
            length_us,
            live=False,
            scale=scale,
            city=city,
            clock=Clock(scenario.clock),
            changes=Changes(scenario, begin_us),
            step_us=scenario.step_s * US,
        )
        self._town = Town(spec, seed, play)
        self._scenario, self._seed, self._begin_us = scenario, seed, begin_us
        check_against(scenario, spec, self._town.stations)
        self.city, self.meta, self.devices = self._town.city, self._town.meta, self._town.devices

    def packs(self, span_us: int | None = None) -> Iterator[Pack]:
        """What arrives at the broker, in order."""
        stations = {one.device: one for one in self._town.stations}
        said = self._town.packs(span_us)
        return delivered(said, self._scenario, stations, self._seed, self._begin_us)
