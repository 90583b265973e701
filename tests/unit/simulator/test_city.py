"""Cities and scenarios as files, terms of signals, what befalls messages, and the registry."""

import os
import re
import subprocess
import sys
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.times import US
from cityvitals.errors import SettingsError
from cityvitals.store.registry_format import read_registry
from simulator.city import scenario, spec
from simulator.city.geometry import inside
from simulator.city.scenario import load_scenario, read_scenario, shortened
from simulator.city.signal import Courses, Signal
from simulator.city.spec import load_city, read_city
from simulator.city.staged import Staged
from simulator.feed import Pack
from simulator.options import Options, feeds_of, registry_text
from simulator.packing import payload_of
from simulator.signals import LocalTimes, Numbers, local_times

HOUR_US = 3600 * US
VIENNA = ZoneInfo("Europe/Vienna")
WINTER_US = 1_768_345_200 * US  # 2026-01-14T00:00 in Vienna, a Wednesday
TEXT = (spec.SHIPPED / "vitalia.toml").read_text("utf-8")
SMOG = (scenario.SHIPPED / "smog.toml").read_text("utf-8")


def quarters(days: int, begin_us: int = WINTER_US) -> LocalTimes:
    return local_times(np.arange(begin_us, begin_us + days * 24 * HOUR_US, HOUR_US // 4), VIENNA)


def signal(text: str) -> Signal:
    return msgspec.toml.decode(text, type=Signal)


def course(signals: dict[str, Signal], name: str, times: LocalTimes, sensor: str = "") -> Numbers:
    courses = Courses(signals, 1, times, lambda _, values: values)
    return courses.sensor(name, sensor) if sensor else courses.city(name)


class TestTerms:
    def test_a_day_has_its_hours_and_a_weekend_its_own(self) -> None:
        day, rest = list(range(24)), [100.0] * 24
        term = f"{{ is = 'daily', op = 'plus', workday = {day}, weekend = {rest} }}"
        one = signal(f"level = 1\nterm = [{term}]")
        values = course({"x": one}, "x", quarters(7))
        assert values[:4].tolist() == [1.0, 1.25, 1.5, 1.75]
        saturday = 3 * 96
        assert values[saturday : saturday + 192].tolist() == [101.0] * 192

    def test_a_year_is_straight_between_the_middles_of_its_months(self) -> None:
        months = [0.0, 12.0, *[5.0] * 10]
        one = signal(f"level = 0\nterm = [{{ is = 'seasonal', op = 'plus', months = {months} }}]")
        values = course({"x": one}, "x", quarters(90, WINTER_US - 13 * 24 * HOUR_US))
        middle_of_january, begin_of_february = 96 * 31 // 2, 96 * 31
        assert values[middle_of_january] == pytest.approx(0.0)
        assert values[begin_of_february] == pytest.approx(6.0)

    def test_one_signal_follows_another_within_bounds(self) -> None:
        wind = signal("level = 3\nterm = [{ is = 'drift', of = 'city', weight = 0.9, hours = 5 }]")
        term = "{ is = 'follows', signal = 'wind', about = 3, slope = -0.2, low = 0.8 }"
        dust = signal(f"level = 10\nterm = [{term}]")
        both, times = {"wind": wind, "dust": dust}, quarters(2)
        expected = 10 * np.maximum(1 - 0.2 * (course(both, "wind", times) - 3), 0.8)
        assert course(both, "dust", times, "a").tolist() == pytest.approx(expected.tolist())
        assert np.ptp(expected) > 1

    def test_noise_of_the_city_is_shared_and_noise_of_sensors_is_not(self) -> None:
        shared = {
            "x": signal("level = 9\nterm = [{ is = 'drift', of = 'city', weight = 1, hours = 2 }]")
        }
        own = {"x": signal("level = 9\nterm = [{ is = 'drift', weight = 1, hours = 2 }]")}
        times = quarters(10)
        assert course(shared, "x", times, "a").tolist() == course(shared, "x", times, "b").tolist()
        values = course(own, "x", times, "a")
        assert abs(np.corrcoef(values, course(own, "x", times, "b"))[0, 1]) < 0.3
        assert np.corrcoef(values[1:], values[:-1])[0, 1] > 0.9  # it remembers the quarter before

    def test_incidents_come_and_end_within_their_slots(self) -> None:
        one = signal(
            "level = 1\nterm = [{ is = 'incidents', every_hours = 12, probability = 0.5,"
            " lasting_hours = 2, to = 0.25 }]"
        )
        values = course({"x": one}, "x", quarters(100, WINTER_US + HOUR_US), "a")
        slots = values.reshape(-1, 48).min(axis=1)
        assert 60 < (slots < 1).sum() < 140  # of 200
        assert (values == 0.25).any() and values[(values != 0.25)].max() == 1.0
        assert (values.reshape(-1, 48) < 1).sum(axis=1).max() <= 8


class TestFiles:
    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ('domain = "air"', 'domain = "soil"', "station[0].domain: invalid enum value 'soil'"),
            ("level = 22.0", "level = 22.0\ncolour = 1", "signal"),
            ('"so2", "o3"', '"so2", "ozone"', "air: quantities: quantity 'ozone' is not known"),
            ('co = "mg/m3"', 'co = "km"', "station air: units: unit 'km' does not fit co"),
            ('co = "mg/m3"', 'nh3 = "mg/m3"', "units: 'nh3' is none of its quantities"),
            ("[signal.so2]", "[signal.so3]", "no [signal.so2] says what it sees"),
            ('signal = "wind_speed", about', 'signal = "breeze", about', "follows 'breeze', which"),
            ('is = "seasonal"', 'is = "yearly"', "invalid value 'yearly'"),
            ('["traffic_count"]', '["traffic_count", "pm1"]', "no [signal.pm1]"),
            ('["traffic_count"]', '["traffic_count", "traffic_speed"]', "expected gauges alone"),
            ("since = 2026-01-01\n", "", "station volume: since: expected the day"),
            ('kind = "event"', 'kind = "event"\nmodulus = 5', "rain: modulus: only counters"),
            ('kind = "event"', 'kind = "odd"', "station[8].kind: invalid enum value 'odd'"),
            ("high = 1\ndigits = 0", "high = 2\ndigits = 0", "bay: kind: signal.occupancy"),
            ("level = 0.0\nlow = 0\n", "level = 0.0\n", "rain: kind: signal.precipitation"),
            ('quantities = ["noise_laeq"]', 'quantities = ["noise_laeq"]\nkind = "state"', "dB"),
            ('id = "hafen"', 'id = "altstadt"', "zone.id: expected each once"),
            ('"Europe/Vienna"', '"Europe/Wien"', "city.time_zone: expected an IANA time zone"),
            ("[16.338, 48.216], [16.34, 48.2]]", "[16.34, 48.3]]", "zone altstadt: outline"),
        ],
    )  # fmt: skip
    def test_a_city_that_is_wrong_is_told_where(self, old: str, new: str, told: str) -> None:
        with pytest.raises(SettingsError) as caught:
            read_city(TEXT.replace(old, new, 1), "town.toml")
        assert str(caught.value).startswith("town.toml: ") and told in str(caught.value)

    def test_signals_that_follow_each_other_in_a_circle_are_named(self) -> None:
        circle = "\n[[signal.air_temperature.term]]\nis = 'follows'\nsignal = 'relative_humidity'\n"
        with pytest.raises(SettingsError, match=r"in a circle: .*relative_humidity"):
            read_city(TEXT + circle + "about = 1\nslope = 1\n", "town.toml")

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ("hours = 48", "hours = 40", "effect: from_h, to_h: expected from < to <= hours"),
            ("ramp_h = 6", "ramp_h = 18", "effect on wind_speed: ramp_h"),
            ("times = 0.15", "set = 1", "effect on wind_speed: set: expected without ramp_h"),
            ('begin = "2026-01-13T00:00"', "", "begin: expected in a replay"),
            ("T00:00", "T00:00Z", "begin: expected a local time"),
            ("hours = 48", "hours = 48\nstep_s = 7", "step_s: expected a divisor of 60"),
            ("[[effect]]", "[[event]]", "unknown field `event`"),
        ],
    )
    def test_a_scenario_that_is_wrong_is_told_where(self, old: str, new: str, told: str) -> None:
        with pytest.raises(SettingsError) as caught:
            read_scenario(SMOG.replace(old, new, 1), "my.toml")
        assert "my.toml: " in str(caught.value) and told in str(caught.value)

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ('signal = "pm10"', 'signal = "pollen"', "no 'pollen'; there are air_pressure"),
            ('signal = "pm10"', 'signal = "pm10"\nzones = ["moon"]', "choose nobody"),
        ],
    )  # fmt: skip
    def test_what_a_city_has_not_is_told(self, old: str, new: str, told: str) -> None:
        with pytest.raises(SettingsError, match=told):
            Staged(load_city(Path("vitalia")), read_scenario(SMOG.replace(old, new, 1), "-"), 1, 0)

    def test_an_unknown_scenario_names_the_shipped_ones(self) -> None:
        with pytest.raises(SettingsError, match="shipped: blackout, burst_main, gateway_down"):
            load_scenario(Path("nowhere"))


@lru_cache(maxsize=4)
def packs(name: str, by: float = 16, seed: int = 1) -> list[Pack]:
    (feed,) = feeds_of(Options(scenario=Path(name), shorten=by, seed=seed), WINTER_US)
    return list(feed.packs(None))


def said(found: list[Pack], sensor: str, quantity: str) -> dict[int, float]:
    return {
        us: value
        for pack in found
        if pack.device.id == sensor
        for us, index, value in pack.samples
        if pack.device.series[index].q == quantity
    }


class TestScenarios:
    @pytest.mark.parametrize("name", scenario.names())
    def test_the_same_seed_gives_the_same_bytes(self, name: str) -> None:
        first = list(map(payload_of, packs(name, 48)))
        packs.cache_clear()
        assert first == list(map(payload_of, packs(name, 48)))
        assert first != list(map(payload_of, packs(name, 48, 2)))

    def test_the_same_bytes_come_from_another_process(self) -> None:
        code = (
            "import hashlib; from tests.unit.simulator.test_city import packs, payload_of;"
            "print(hashlib.sha256(b''.join(map(payload_of, packs('rough_way', 48)))).hexdigest())"
        )
        digests = {
            subprocess.run(
                [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
                check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3],
            ).stdout
            for seed in ("1", "2")
        }  # fmt: skip
        assert len(digests) == 1

    def test_an_effect_grows_holds_and_ends(self) -> None:
        smoky = packs("smog", 1)
        smoke = list(said(smoky, "air-01", "pm2_5").items())
        begin = smoke[0][0]
        early = np.mean([value for us, value in smoke if us < begin + 8 * HOUR_US])
        full = np.mean([v for us, v in smoke if 20 * HOUR_US < us - begin < 30 * HOUR_US])
        after = np.mean([value for us, value in smoke if us > begin + 44 * HOUR_US])
        assert full > 4 * early and full > 4 * after

    def test_a_gateway_that_is_back_sends_all_that_it_kept(self) -> None:
        found = packs("gateway_down", 1)
        west = [pack for pack in found if pack.device.gateway.id == "air-west"]
        times = sorted(said(west, "air-01", "pm2_5"))
        assert {after - before for before, after in pairwise(times)} == {60 * US}
        order = [pack.samples[0][0] for pack in found]
        assert order != sorted(order)
        lost = sorted(said(found, "speed-12", "traffic_speed"))
        assert max(after - before for before, after in pairwise(lost)) == (180 + 1) * 60 * US

    def test_wrong_clocks_say_other_times_and_the_same_values(self) -> None:
        found = packs("wrong_clock", 1)
        times = sorted(said(found, "speed-01", "traffic_speed"))
        ahead = [us for us in said(found, "air-08", "pm2_5") if us > max(times) + HOUR_US]
        assert len(ahead) == 6 * 60
        assert len(times) == 24 * 60  # an hour and seven seconds away, no two times are the same

    def test_messages_come_twice_and_late(self) -> None:
        found, plain = packs("rough_way", 4), packs("ordinary", 16)
        assert len(set(map(payload_of, found))) < len(found)
        times = [pack.samples[0][0] for pack in found]
        assert times != sorted(times)
        ordered = [pack.samples[0][0] for pack in plain]
        assert ordered == sorted(ordered, key=lambda us: us // (HOUR_US // 2))

    def test_second_words_have_a_higher_rev_and_come_later(self) -> None:
        found = packs("second_thoughts", 8)
        seen: set[tuple[str, int, int]] = set()
        for pack in found:
            keys = {(pack.device.id, us, index) for us, index, _ in pack.samples}
            assert keys <= seen if pack.rev else not keys & seen
            assert (b'"rev":1' in payload_of(pack)) == (pack.rev == 1)
            seen |= keys
        revised = [pack.device.gateway.id for pack in found if pack.rev]
        assert set(revised) == {"air-west", "air-east", "grid"}

    def test_who_has_no_power_says_nothing_and_takes_nothing(self) -> None:
        found = packs("blackout", 1)
        meters = said(found, "meter-07", "electricity_energy")
        begin = min(meters)
        dark = [v for us, v in meters.items() if 15.1 * HOUR_US < us - begin < 19.9 * HOUR_US]
        assert dark and set(dark) == {0.0}
        silent = sorted(said(found, "air-05", "pm2_5"))
        assert max(after - before for before, after in pairwise(silent)) == 5 * HOUR_US + 60 * US

    def test_a_shorter_scenario_has_all_of_it_sooner(self) -> None:
        whole = load_scenario(Path("burst_main"))
        short = shortened(whole, 12)
        assert (short.hours, short.effect[0].from_h, short.effect[0].to_h) == (2, 0.75, 13 / 12)
        assert short.effect[0].times == whole.effect[0].times

    def test_several_cities_have_ids_and_values_of_their_own(self) -> None:
        options = Options(scenario=Path("ordinary"), shorten=48, cities=3)
        feeds = feeds_of(options, 0)
        assert [feed.city for feed in feeds] == ["vitalia", "vitalia-2", "vitalia-3"]
        assert len({b"".join(map(payload_of, feed.packs(None))) for feed in feeds}) == 3


class TestRegistry:
    def test_what_ships_is_what_is_written(self) -> None:
        file = spec.SHIPPED.parent / "registries" / "vitalia.toml"
        assert file.read_text("utf-8") == registry_text(Options())

    def test_zones_are_polygons_with_roads_streets_and_buildings_of_their_own(self) -> None:
        registry = read_registry(registry_text(Options(city="x")), "x", load_catalogue())
        assert registry.city.id == "x"
        for zone in registry.zones:
            geometry = zone.geometry or {}
            (outline,) = geometry["coordinates"]
            assert geometry["type"] == "Polygon" and outline[0] == outline[-1]
            assert len(geometry["buildings"]["coordinates"]) > 20
            corners = [c for (ring,) in geometry["buildings"]["coordinates"] for c in ring]
            assert all(inside((x, y), outline) for x, y in corners)
            assert len(geometry["streets"]["coordinates"]) >= 10
            assert geometry["roads"]["coordinates"]
        assert {fact.name for fact in registry.facts} == {"population"}


def test_what_the_documentation_shows_is_taken() -> None:
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text("utf-8")
    one, station, story = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    signals = msgspec.toml.decode(one, type=dict[str, dict[str, Signal]])["signal"]
    assert signals["no2"].follows == {"traffic_intensity", "wind_speed"}
    assert station in TEXT
    Staged(load_city(Path("vitalia")), read_scenario(story, "docs"), 1, 0)
    named = re.findall(r"`(\w+)`", page.split("go by their names:")[1].split("plays one")[0])
    assert set(scenario.names()) <= set(named)
