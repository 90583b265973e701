"""Every scenario that ships, shortened, through the real service: all arrives and is derived."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from cityvitals.settings import BrokerSettings, DatabaseSettings, Settings
from simulator.check.check import Check, Patience
from simulator.check.client import Api
from simulator.check.indicators import CHECKED
from simulator.check.verdict import Verdict
from simulator.city import scenario
from simulator.main import play
from simulator.options import Options, feeds_of
from simulator.truth import Truth
from tests import state
from tests.servers import BrokerServer, PostgresServer
from tests.service import Service

pytestmark = pytest.mark.mosquitto

SHORTEN = "16"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shared(
    postgres: PostgresServer, mosquitto: BrokerServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """One service for all scenarios: each is a city of its own."""
    name = f"scenarios_{next(_numbers)}"
    postgres.copy("template_cityvitals", name)
    database = DatabaseSettings(dsn=SecretStr(postgres.dsn(name)))
    broker = BrokerSettings(port=mosquitto.port)
    rules = {"AGGREGATOR__ONLY": json.dumps([one.rule for one in CHECKED])}
    found = Service(tmp_path_factory.mktemp("scenarios"), database, broker, **rules)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        postgres.drop(name)


@pytest.mark.parametrize("name", scenario.names())
def test_all_that_a_scenario_sends_is_stored_and_derived(shared: Service, name: str) -> None:
    done = shared.run(
        "simulate", "--scenario", name, "--shorten", SHORTEN, "--city", name,
        "--check", shared.api, "--still", "45",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name}: as sent" in done.stdout


class Broken:
    """A city that was played and found as sent, to be broken and checked again."""

    def __init__(self, service: Service, city: str) -> None:
        self._dsn = service.environment["CITYVITALS_DATABASE__DSN"]
        self._api = service.api
        broker = BrokerSettings(port=int(service.environment["CITYVITALS_BROKER__PORT"]))
        options = Options(scenario=Path("burst_main"), shorten=24, city=city)
        (feed,) = feeds_of(options, 0)
        self._truth, self._city = Truth(feed), city
        asyncio.run(play(feed, Settings(broker=broker), options, asyncio.Event(), self._truth))
        assert self.check(45.0).is_good

    def check(self, still_s: float = 3.0) -> Verdict:
        with closing(Api(self._api)) as api:
            return Check(api, self._truth, 0, Patience(still_s)).verdict()

    def series(self, sensor: str, quantity: str) -> int:
        query = "select id from series where city = $1 and sensor = $2 and quantity = $3"
        return int(state.value(self._dsn, query, self._city, sensor, quantity))

    def told_after(self, *statements: str) -> str:
        """What the check says once statements have run."""
        state.run(self._dsn, ";".join(statements))
        verdict = self.check()
        assert not verdict.is_good
        return verdict.told()


def test_what_a_broken_service_lost_doubled_or_altered_is_named(shared: Service) -> None:
    broken = Broken(shared, "broken")
    lost = broken.series("air-01", "pm2_5")
    doubled = broken.series("inflow-01", "water_flow")
    altered = broken.series("meter-02", "electricity_energy")
    meter, bay = broken.series("volume-02", "water_volume"), broken.series("bay-01", "occupancy")
    rain = broken.series("rain-01", "precipitation")
    told = broken.told_after(
        # A batch that was acknowledged and is gone.
        f"delete from reading where series_id = {lost} and observed_at < '2026-02-09T23:05Z'",  # noqa: S608
        # A batch that is there twice, in the books and in the table.
        f"""insert into reading (observed_at, series_id, value, rev, flags, lag_ms)
        select observed_at + interval '1 microsecond', series_id, value, rev, flags, lag_ms
        from reading where series_id = {doubled} and observed_at < '2026-02-09T23:10Z'""",  # noqa: S608
        """update ledger set received = received + 10, stored = stored + 10
        where city = 'broken' and gateway = 'waterworks'""",
        # One value of thousands.
        f"""update reading set value = value + 0.001
        where series_id = {altered} and observed_at = '2026-02-09T23:20Z'""",  # noqa: S608
        f"update reading set value = value + 1 where series_id = {meter}"  # noqa: S608
        " and observed_at = '2026-02-09T23:30Z'",
        f"delete from reading where series_id = {rain} and observed_at = '2026-02-09T23:00Z'",  # noqa: S608
        f"update reading set value = 1 - value where series_id = {bay}"  # noqa: S608
        " and observed_at = '2026-02-09T23:40Z'",
    )
    assert "ledger waterworks: received: " in told and "ledger waterworks: stored: " in told
    assert "ledger air-west" not in told
    named = [line for line in told.splitlines() if line.startswith("  reading ")]
    for gone in (
        "volume-02/water_volume 2026-02-09T23:30",
        "rain-01/precipitation 2026-02-09T23:00",
        "bay-01/occupancy 2026-02-09T23:40",
    ):
        assert sum(gone in line and "value: " in line for line in named) == 1, gone
    assert sum("air-01/pm2_5" in line and "value: none" in line for line in named) == 5
    assert sum("inflow-01/water_flow" in line and "one more" in line for line in named) == 10
    (value,) = (line for line in named if "meter-02/electricity_energy 2026-02-09T23:20" in line)
    assert "value: " in value


def test_a_derived_number_that_was_altered_is_named(shared: Service) -> None:
    broken = Broken(shared, "broken-2")
    altered = broken.series("air-03", "pm2_5")
    lost = broken.series("meter-01", "electricity_energy")
    wrong = """set value = value + 0.01 where city = 'broken-2' and zone = 'hafen'
        and rule = 'traffic.speed.hour' and value is not null"""
    statements = (
        f"""update rollup set sum = sum * 1.00001
        where series_id = {altered} and bucket_begin = '2026-02-09T23:15Z'""",  # noqa: S608
        f"delete from rollup where series_id = {lost} and bucket_begin = '2026-02-09T23:00Z'",  # noqa: S608
        f"update indicator {wrong}",
        f"update indicator_latest {wrong}",
    )
    told = ""
    # What is still open is derived anew now and then, and put right by that: altered again.
    for _ in range(5):
        told = broken.told_after(*statements)
        if "indicator traffic.speed.hour" in told:
            break
    assert "rollup air-03/pm2_5 2026-02-09T23:15:00Z: sum: " in told
    assert "rollup meter-01/electricity_energy 2026-02-09T23:00:00Z: rows: none" in told
    assert "indicator traffic.speed.hour hafen 2026-02-09T23:00:00Z: value: " in told
    assert not [line for line in told.splitlines() if line.startswith("  reading ")]
