"""kill -9 of all aggregators while readings are let go: in the end it is done, and right."""

import json
import time
from pathlib import Path
from typing import Final

import pytest

from cityvitals.domain.times import US, from_us
from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.retention import DAY_US, seal_at
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.meta import CityMeta, DeviceMeta, SeriesMeta, encode_city, encode_meta
from cityvitals.wire.pack import Reading
from tests import state
from tests.integration.test_ingest import Message, publish
from tests.servers import BrokerServer
from tests.service import Service, wait_for

CITY: Final = "keeper"
DEVICES: Final = ("a", "b", "c")
AGGREGATORS: Final = ("aggregate", "aggregate-2")
RULES: Final = ("air.pm2_5.hour", "air.pm2_5.day", "air.eu2030.pm2_5.year")
"""What is let go is the same whatever is derived; how all rules are derived is tested elsewhere."""
STEP_US: Final = 6 * 3600 * US
DAYS: Final = 30
SEALED: Final = "select count(*) from city where sealed_before > '2000-01-01Z'"
LET_GO: Final = "select count(*) from city where dropped_before > '2000-01-01Z'"
BELOW: Final = """
select count(*) from reading where observed_at < date_trunc('month', now() - interval '31 days')
"""
LEFT_OVER: Final = """
select count(*) from pg_class where relname like 'reading_gone_%' and relkind = 'r'
"""
NEWER: Final = "select count(*) from reading where observed_at = $1"
STEPS: Final = (SEALED, LET_GO)


def history(now_us: int) -> list[Message]:
    """Eleven weeks of three devices, one pack of each; the third fell silent after two of them."""
    found: list[Message] = [(f"city/v1/{CITY}/meta", encode_city(CityMeta("Keeper", "UTC")))]
    for device in DEVICES:
        meta = DeviceMeta(series=(SeriesMeta("pm2_5", reporting_s=21_600, unit="ug/m3"),))
        found.append((f"city/v1/{CITY}/air/gw/{device}/meta", encode_meta(meta)))
        begin, end = now_us - 77 * DAY_US, now_us - (63 * DAY_US if device == "c" else 0)
        readings = [
            Reading(t, "pm2_5", 5 + (t // STEP_US) % 17, "ug/m3")
            for t in range(begin, end, STEP_US)
        ]
        found.append((f"city/v1/{CITY}/air/gw/{device}/obs", encode(readings)))
    return found


@pytest.mark.mosquitto
def test_aggregators_killed_while_readings_go(
    tmp_path: Path, database: DatabaseSettings, own_broker: BrokerServer
) -> None:
    dsn = database.dsn.get_secret_value()
    service = Service(
        tmp_path,
        database,
        BrokerSettings(port=own_broker.port),
        RETENTION__DAYS=str(DAYS),
        RETENTION__CHECK_SECONDS="0.2",
        AGGREGATOR__LEASE_SECONDS="3",  # less than a start takes, more than a busy machine's cycle
        AGGREGATOR__ONLY=json.dumps(RULES),
    )
    service.add_aggregator("aggregate-2")
    now_us = time.time_ns() // 1000
    try:
        service.start("ingest")
        publish(own_broker.port, history(now_us))
        wait_for("all is stored", lambda: state.readings(dsn) == 2 * 77 * 4 + 14 * 4)
        service.start(*AGGREGATORS)
        for step in STEPS:
            wait_for("a step is done", lambda step=step: state.value(dsn, step))  # type: ignore[misc]
            for name in AGGREGATORS:
                service.kill(name)
            service.start(*AGGREGATORS)
        wait_for("months are gone", lambda: not state.value(dsn, BELOW))
        wait_for("nothing is left over", lambda: not state.value(dsn, LEFT_OVER))
        seal_us = seal_at(now_us, DAYS)
        late = [Reading(seal_us + after, "pm2_5", 9.0, "ug/m3") for after in (-US, US)]
        publish(own_broker.port, [(f"city/v1/{CITY}/air/gw/a/obs", encode(late))])
        letters = "select count(*) from dead_letter where reason = 'sealed'"
        wait_for("the older one is refused", lambda: state.value(dsn, letters) == 1)
        newer = from_us(seal_us + US)
        wait_for("the newer one is stored", lambda: state.value(dsn, NEWER, newer) == 1)
        # Differences may be work to come, but not for long.
        wait_for("all is as it should be", lambda: service.run("verify").returncode == 0)
        status = service.run("db", "retention", "status")
        assert "readings of live cities are kept for 30 days" in status.stdout
    finally:
        service.stop()
