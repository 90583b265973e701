"""The shipped mappings on the extracts of real data, held against pandas."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityvitals.domain.times import US
from simulator.mapping_load import load_mapping
from simulator.replay import Replay
from tests.unit.simulator import recorded

_HOUR_US = 3600 * US


def read(path: Path, mapping: str) -> tuple[Replay, recorded.Readings]:
    replay = Replay(path, load_mapping(Path(mapping)))
    readings: recorded.Readings = {
        (device.id, series.q, series.ch): {}
        for device in replay.devices
        for series in device.series
    }
    for device, samples, _ in replay.packs():
        for us, index, value in samples:
            series = device.series[index]
            own = readings[device.id, series.q, series.ch]
            assert us not in own
            own[us] = value
    return replay, readings


@pytest.mark.parametrize(
    ("path", "mapping", "expected", "devices"),
    [
        (recorded.BEIJING, "beijing", recorded.beijing, 12),
        (recorded.FERRARA, "ferrara", recorded.ferrara, 10),
        (recorded.STEEL, "steel", recorded.steel, 1),
        (recorded.MEGAFIRES, "megafires", recorded.megafires, 8),
        (recorded.PRINGLE_CREEK, "pringle_creek", recorded.pringle_creek, 2),
    ],
)
def test_every_non_missing_value_is_read_once_at_its_instant(
    path: Path, mapping: str, expected: Callable[[], recorded.Readings], devices: int
) -> None:
    replay, readings = read(path, mapping)
    assert len(replay.devices) == devices
    assert readings == expected()


def test_the_repeated_hour_is_two_instants_and_the_skipped_one_none() -> None:
    _, readings = read(recorded.FERRARA, "ferrara")
    instants = sorted(readings["dma9", "water_flow", ""])  # the one without gaps
    steps = {after - before for before, after in itertools.pairwise(instants)}
    assert min(steps) == _HOUR_US
    assert len(steps) == 2  # hours, and the winter between the two parts


def test_each_midnight_closes_its_day() -> None:
    _, readings = read(recorded.STEEL, "steel")
    instants = sorted(readings["plant", "electricity_energy", ""])
    assert len(instants) == 14 * 96
    steps = {after - before for before, after in itertools.pairwise(instants)}
    assert steps == {_HOUR_US // 4}


def test_packs_go_forward_in_time_over_all_stations() -> None:
    replay, _ = read(recorded.BEIJING, "beijing")
    furthest: dict[str, int] = {}
    for device, samples, _ in replay.packs():
        times = [us for us, _, _ in samples]
        assert times == sorted(times)
        assert len(samples) <= 200
        assert times[0] >= furthest.get(device.id, 0)
        furthest[device.id] = times[-1]
        assert max(furthest.values()) - min(furthest.values()) < 3 * 24 * _HOUR_US


def test_a_span_bounds_the_event_time_of_a_pack() -> None:
    replay, _ = read(recorded.BEIJING, "beijing")
    for _, samples, _ in replay.packs(span_us=2 * _HOUR_US):
        assert samples[-1][0] - samples[0][0] < 2 * _HOUR_US


def test_stations_stand_in_their_zones() -> None:
    replay, _ = read(recorded.FERRARA, "ferrara")
    assert {device.id: device.zone for device in replay.devices} == {
        f"dma{number}": f"dma{number}" for number in range(1, 11)
    }


def test_an_hour_that_stands_several_times_is_said_several_times() -> None:
    replay = Replay(recorded.INTERSTATE_94, load_mapping(Path("interstate_94")))
    (device,) = replay.devices
    table = pd.read_csv(recorded.INTERSTATE_94)
    local = pd.to_datetime(table["date_time"])
    # The file has the hour that clocks repeat once: that of summer time.
    instants = local.dt.tz_localize("America/Chicago", ambiguous=np.ones(len(local), np.bool_))
    us = instants.dt.tz_convert("UTC").dt.as_unit("us").astype("int64")
    said = [sample for pack in replay.packs() for sample in pack.samples]
    for index, column in enumerate(("traffic_volume", "temp", "rain_1h")):
        own = [(at, value) for at, where, value in said if where == index]
        assert sorted(own) == sorted(zip(us.tolist(), table[column].tolist(), strict=True))
    assert len(set(us)) < len(us)
    units = [series.unit for series in device.series]
    assert units == ["{vehicle}", "K", "mm"]


def test_half_hours_of_homes_run_on_where_sydneys_clocks_change(tmp_path: Path) -> None:
    """Lines made up in the layout of the file, which may not be copied."""
    clocks = ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]
    rows = [f"10001,2013-10-06 {clock}:00,0.25" for clock in clocks]
    file = tmp_path / "homes.csv"
    file.write_text("\n".join(["customer_id,reading_datetime,general_supply_kwh", *rows]) + "\n")
    _, readings = read(file, "smart_meters")
    instants = sorted(readings["10001", "electricity_energy", ""])
    assert instants[0] == 1_380_981_600 * US  # midnight of standard time, 14:00 UTC
    assert {after - before for before, after in itertools.pairwise(instants)} == {_HOUR_US // 2}
