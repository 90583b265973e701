"""The rules that feed U4SSC over a year of readings, against what a person works out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from cityvitals.trial.main import Options, Tried, try_rule
from kpi_rules.load import load_rules

RULES: Final = {rule.id: rule for rule in load_rules()}
BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)
HOURS: Final = 365 * 24
TOTALS: Final = {"electricity", "daily", "utilised"}
Say = Callable[[datetime], float | None]


def tried(path: Path, rule: str, said: dict[str, Say], **facts: float) -> Tried:
    """What a rule makes of 2025, of which each hour has a reading or none.

    A total's reading comes at the end of its hour, a gauge's at the begin.
    """
    lines = [",".join(["time", *said])]
    for hour in range(HOURS + 1):
        at = BEGIN + timedelta(hours=hour)
        found = [say(at - timedelta(hours=name in TOTALS)) for name, say in said.items()]
        cells = ["" if one is None else repr(one) for one in found]
        lines.append(",".join([at.isoformat(), *cells]))
    path.write_text("\n".join(lines) + "\n")
    (made,) = [
        one
        for one in try_rule(RULES[rule], path, Options("UTC", facts))
        if one.begin == round(BEGIN.timestamp() * 1e6)
    ]
    return made


@pytest.mark.parametrize("gas", ["pm10", "pm2_5", "no2", "so2", "o3"])
def test_annual_means_are_over_the_time_that_is_covered(tmp_path: Path, gas: str) -> None:
    """Half a year of 10, then 30 until the end of October, then nothing: 123 of 304 days."""

    def said(at: datetime) -> float | None:
        if at.month > 10:
            return None
        return 30.0 if at.month > 6 else 10.0

    found = tried(tmp_path / "year.csv", f"u4ssc.{gas}.year", {gas: said})
    assert found.reason == ""
    assert found.outcome.value == pytest.approx((181 * 10 + 123 * 30) / 304, rel=1e-3)


def test_an_annual_mean_needs_three_quarters_of_the_year(tmp_path: Path) -> None:
    found = tried(
        tmp_path / "year.csv", "u4ssc.pm10.year", {"pm10": lambda at: 9.0 if at.month < 9 else None}
    )
    assert found.reason


def test_electricity_is_of_the_year_and_each_inhabitant(tmp_path: Path) -> None:
    rule = "u4ssc.electricity_consumption.year"
    found = tried(tmp_path / "year.csv", rule, {"electricity": lambda _: 500.0}, population=2000)
    assert found.outcome.value == pytest.approx(8760 * 500 / 2000)


def test_water_is_of_a_day_and_each_inhabitant(tmp_path: Path) -> None:
    """2 m3 an hour, 3 in July and August: 48 or 72 m3 a day."""
    rule = "u4ssc.water_consumption.year"
    say: Say = lambda at: 3.0 if at.month in {7, 8} else 2.0  # noqa: E731
    found = tried(tmp_path / "year.csv", rule, {"daily": say}, population=400)
    assert found.outcome.value == pytest.approx((303 * 48 + 62 * 72) / 365 / 400 * 1000)


def test_water_loss_is_what_no_meter_counted(tmp_path: Path) -> None:
    """10 L/s are 36 m3 an hour; meters counted 27 of them."""
    said: dict[str, Say] = {"supplied": lambda _: 10.0, "utilised": lambda _: 27.0}
    found = tried(tmp_path / "year.csv", "u4ssc.water_loss.year", said)
    assert found.outcome.value == pytest.approx(25.0, rel=1e-3)


def test_travel_time_index_is_peak_over_free_flow(tmp_path: Path) -> None:
    """26 minutes in the peaks of working days, 20 at night: 1.3, as in the manual's example."""

    def said(at: datetime) -> float:
        if at.weekday() < 5 and at.hour in {7, 8, 16, 17, 18}:
            return 26 * 60.0
        return 20 * 60.0 if at.hour < 6 or at.hour >= 22 else 24 * 60.0

    found = tried(tmp_path / "year.csv", "u4ssc.travel_time_index.year", {"trip": said})
    assert found.outcome.value == pytest.approx(1.3, rel=1e-9)


@pytest.mark.parametrize(("days", "share"), [(183, 12.5), (182, None)])
def test_a_detector_stands_for_its_stretch_if_it_is_heard_on_half_of_the_days(
    tmp_path: Path, days: int, share: float | None
) -> None:
    """One detector, 2.5 of 20 km; it is heard from the New Year on, on half of 365 days or not."""
    said: dict[str, Say] = {
        "speed": lambda _: None,
        "flow": lambda at: 400.0 if (at - BEGIN).days < days else None,
        "vehicles": lambda _: None,
        "share": lambda _: None,
    }
    rule, facts = "u4ssc.traffic_monitoring.year", {"street_per_detector": 2.5, "major_streets": 20}
    found = tried(tmp_path / "year.csv", rule, said, **facts)
    assert (found.outcome.value if share else found.reason != "") == (share or True)


@pytest.mark.parametrize(("level", "exposed"), [(50.0, 100.0), (48.0, 0.0)])
def test_noise_all_day_long_is_six_decibels_less_than_lden(
    tmp_path: Path, level: float, exposed: float
) -> None:
    """A level day and night has an Lden 6.4 dB above itself: the limit of 55 lies at 48.6."""
    rule = "u4ssc.noise_exposure.year"
    found = tried(tmp_path / "year.csv", rule, {"laeq": lambda _: level})
    assert found.outcome.value == exposed
