"""The recorded sets that have a twin."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from tests.twins import beijing, ferrara, metr_la, minnesota, steel
from tests.twins.table import mapping


@dataclass(frozen=True, slots=True)
class Recorded:
    """A set: mapping and registry are shipped under its name.

    Attributes:
        expected: its twin.
        shown: rules and their zones that a chart shows.
    """

    name: str
    expected: Callable[[Path], pd.DataFrame]
    shown: tuple[tuple[str, str], ...]

    @property
    def city(self) -> str:
        """The city's id."""
        return str(mapping(self.name)["city"]["id"])


SETS: Final = {
    one.name: one
    for one in (
        Recorded(
            "beijing",
            beijing.expected,
            (
                ("air.us_aqi_2012.pm2_5.day", ""),
                ("air.eaqi_2017.pm2_5.hour", "mountain"),
                ("air.who.co.8h", "inner"),
                ("air.pm10.day", ""),
            ),
        ),
        Recorded(
            "ferrara",
            ferrara.expected,
            (
                *(("water.night_flow.day", f"dma{number}") for number in range(1, 11)),
                ("water.night_flow.week", ""),
                ("water.supplied.day", ""),
                ("water.supplied_per_capita.day", "dma5"),
            ),
        ),
        Recorded(
            "steel",
            steel.expected,
            (
                ("energy.electricity.day", ""),
                ("energy.electricity_peak.day", ""),
                ("energy.load_factor.day", ""),
            ),
        ),
        Recorded(
            "metr_la",
            metr_la.expected,
            (
                ("traffic.travel_time_index.detectors.day", "*"),
                ("traffic.planning_time_index.detectors.day", "*"),
                ("traffic.buffer_index.detectors.day", "*"),
                ("traffic.space_mean_speed.hour", ""),
            ),
        ),
        Recorded(
            "minnesota",
            minnesota.expected,
            (
                ("traffic.travel_time_index.day", "TravelTime_387"),
                ("traffic.planning_time_index.day", "TravelTime_387"),
                ("traffic.buffer_index.day", "TravelTime_387"),
                ("traffic.speed.hour", "speed_6005"),
            ),
        ),
    )
}
"""By name. A zone of "*" stands for all of them, in order of their values."""
