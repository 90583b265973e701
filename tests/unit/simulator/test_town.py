"""The seeded city: the same seed gives the same bytes, and history joins live."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Domain
from cityvitals.domain.times import US
from cityvitals.wire.formats import own_json
from simulator.city.geometry import inside
from simulator.city.spec import CitySpec, load_city
from simulator.city.town import LIVE_US, MINUTE_US, Play, Town
from simulator.feed import Pack
from simulator.packing import payload_of
from simulator.signals import chance, drift, local_times

NOW_US = 1_790_000_000 * US
HOUR_US = 3600 * US
DAY_US = 24 * HOUR_US


def vitalia() -> CitySpec:
    return load_city(Path("vitalia"))


def history(seed: int = 1, now_us: int = NOW_US, length_us: int = HOUR_US) -> Town:
    return Town(vitalia(), seed, Play(now_us, length_us, live=False))


def said(packs: list[Pack]) -> dict[tuple[str, str, int], float]:
    return {
        (pack.device.id, pack.device.series[index].q, us): value
        for pack in packs
        for us, index, value in pack.samples
    }


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (list(map(payload_of, history().packs())) for _ in range(2))
    assert first == second
    assert first != list(map(payload_of, history(seed=2).packs()))


def test_what_is_said_again_later_is_the_same() -> None:
    early = said(list(history().packs()))
    late = said(list(history(now_us=NOW_US + HOUR_US // 2).packs()))
    shared = early.keys() & late.keys()
    assert len(shared) >= len(early) // 2 - 500
    assert {key: early[key] for key in shared} == {key: late[key] for key in shared}


def test_live_goes_on_where_history_ends_and_keeps_its_values() -> None:
    begin = NOW_US // MINUTE_US * MINUTE_US
    city = Town(vitalia(), 1, Play(NOW_US, 0))
    live = said(
        list(takewhile(lambda pack: pack.samples[0][0] < begin + 5 * MINUTE_US, city.packs()))
    )
    later = said(list(city.between(begin, begin + 5 * MINUTE_US, MINUTE_US)))
    assert later.keys() <= live.keys()
    assert {key: live[key] for key in later} == later


def test_live_gauges_speak_every_ten_seconds_and_take_turns() -> None:
    begin = NOW_US // MINUTE_US * MINUTE_US
    packs = list(
        takewhile(
            lambda pack: pack.samples[0][0] < begin + MINUTE_US,
            Town(vitalia(), 1, Play(NOW_US, 0)).packs(),
        )
    )
    times = [pack.samples[0][0] for pack in packs]
    assert times == sorted(times)
    air = [us for us, pack in zip(times, packs, strict=True) if pack.device.id == "air-01"]
    assert [after - before for before, after in pairwise(air)] == [LIVE_US] * 5
    assert len(set(times)) > 50


def test_history_is_declared_dense_and_fits_two_days_in_four_hundred_thousand() -> None:
    counts = Counter((device, quantity) for device, quantity, _ in said(list(history().packs())))
    assert {counts.pop(key) for key in list(counts) if key[1] == "water_volume"} == {4}
    assert all(1 <= counts.pop(key) <= 60 for key in list(counts) if key[1] == "precipitation")
    assert set(counts.values()) == {60}
    assert sum(counts.values()) * 48 < 400_000


def test_the_city_has_four_zones_in_all_domains_and_few_gateways() -> None:
    devices, zones = history().devices, {zone.id for zone in vitalia().zone}
    assert len(devices) == 62
    assert {device.gateway.domain for device in devices} == set(Domain)
    assert len({device.gateway for device in devices}) == 8
    for domain in ("air", "energy", "water", "traffic", "noise"):
        assert {one.zone for one in devices if one.gateway.domain == domain} == zones


def test_stations_stand_in_their_zones_and_those_of_traffic_on_roads() -> None:
    outlines = {zone.id: zone.outline for zone in vitalia().zone}
    for one in history().stations:
        where = (one.device.longitude or 0.0, one.device.latitude or 0.0)
        assert inside(where, outlines[one.device.zone or ""])
        assert bool(one.road) == (one.kind in {"speed", "count", "bay", "flow"})
    places = [(one.device.longitude, one.device.latitude) for one in history().stations[:38]]
    assert len(set(places)) == len(places)


def week() -> Iterator[Pack]:
    return history().between(NOW_US - 7 * DAY_US, NOW_US, 15 * MINUTE_US)


def test_values_are_plausible_for_a_week() -> None:
    quantities = load_catalogue().quantities
    values: dict[str, list[float]] = {}
    for (_, quantity, _), value in said(list(week())).items():
        values.setdefault(quantity, []).append(value)
    assert len(values) == 20
    for name, own in values.items():
        assert min(own) >= (quantities[name].low or 0)
        assert max(own) < (quantities[name].high or np.inf)
        assert np.std(own) > 0.001 * np.mean(own)


def test_a_counter_goes_on_wherever_a_run_begins_and_rolls_over() -> None:
    begin = NOW_US // DAY_US * DAY_US
    whole = meters(begin, begin + 2 * DAY_US)
    assert meters(begin + DAY_US, begin + 2 * DAY_US).items() <= whole.items()
    town = history()
    late = list(town.between(begin + DAY_US, begin + 2 * DAY_US, MINUTE_US))
    early = list(town.between(begin, begin + DAY_US, MINUTE_US))
    assert {**said(late), **said(early)}.items() >= whole.items()
    one = [value for (name, _, _), value in whole.items() if name == "volume-01"]
    falls = [(a, b) for a, b in pairwise(one) if b < a]
    assert falls and all(a > 950 and b < 50 for a, b in falls)
    assert all(b - a < 30 for a, b in pairwise(one))


def meters(begin: int, end: int) -> dict[tuple[str, str, int], float]:
    found = said(list(history().between(begin, end, MINUTE_US)))
    return {key: value for key, value in found.items() if key[1] == "water_volume"}


def test_a_counter_says_nothing_before_it_was_there() -> None:
    since = 1_767_225_600 * US
    found = meters(since - HOUR_US, since + HOUR_US)
    assert {us for _, _, us in found} == {since + n * HOUR_US // 4 for n in (1, 2, 3)}
    assert all(0 < value < 20 for (_, _, us), value in found.items() if us == since + HOUR_US // 4)


def test_events_are_told_when_they_happen_and_states_each_minute() -> None:
    found = said(list(history(length_us=2 * DAY_US).packs()))
    rain = {us: v for (name, _, us), v in found.items() if name == "rain-01"}
    assert {us % HOUR_US for us, v in rain.items() if not v} == {0}
    assert sum(v > 0 for v in rain.values()) > 60
    bay = [v for (name, _, _), v in found.items() if name == "bay-01"]
    assert set(bay) == {0.0, 1.0}


def test_rush_hours_slow_the_traffic() -> None:
    zone = ZoneInfo("Europe/Vienna")
    hours: dict[int, list[float]] = {}
    for pack in week():
        if pack.device.series[0].q == "traffic_speed":
            times = local_times(np.array([us for us, _, _ in pack.samples]), zone)
            for hour, weekend, sample in zip(times.hours, times.weekend, pack.samples, strict=True):
                if not weekend:
                    hours.setdefault(int(hour), []).append(sample[2])
    means = {hour: np.mean(own) for hour, own in hours.items()}
    assert means[8] < 0.7 * means[3]
    assert means[17] < 0.8 * means[12]


def test_scale_multiplies_sensors() -> None:
    assert len(Town(vitalia(), 1, Play(NOW_US, 0, scale=10)).devices) == 620


def test_payloads_decode_to_what_was_packed() -> None:
    for pack in history().packs():
        decoded = own_json.decode(payload_of(pack))
        assert not decoded.bad
        assert decoded.t_us == [us for us, _, _ in pack.samples]
        assert decoded.v == [value for _, _, value in pack.samples]
        assert decoded.q == [pack.device.series[index].q for _, index, _ in pack.samples]
        assert decoded.u == [pack.device.series[index].unit for _, index, _ in pack.samples]


def test_chance_is_uniform_and_drift_is_smooth() -> None:
    uniform = chance(42, np.arange(100_000))
    assert uniform.min() >= 0.0 and uniform.max() < 1.0
    assert abs(uniform.mean() - 0.5) < 0.01
    moving = drift(42, np.arange(0, 6 * HOUR_US, MINUTE_US), HOUR_US)
    assert np.abs(np.diff(moving)).max() < 0.06
    assert np.ptp(moving) > 0.3


def test_local_times_follow_the_clocks() -> None:
    # 2026-10-25: Vienna turns back at 01:00 UTC; 22 November is a Sunday.
    us = np.array([1_792_886_400, 1_792_893_600, 1_795_305_600], np.int64) * US
    times = local_times(us, ZoneInfo("Europe/Vienna"))
    assert times.hours.tolist() == [2.0, 3.0, 1.0]
