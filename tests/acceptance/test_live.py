"""A gateway's readings on their way to the page, in order, late, corrected, declared again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cityvitals.settings import DatabaseSettings
from tests import state
from tests.acceptance.gateway import Gateway
from tests.browser import browser, card
from tests.servers import BrokerServer
from tests.service import Service, wait_for

RULE = "air.no2.hour"


def reading(at: datetime, value: float, **more: Any) -> dict[str, Any]:
    return {
        "t": at.isoformat().replace("+00:00", "Z"),
        "q": "no2",
        "v": value,
        "u": "ug/m3",
        **more,
    }


def is_known(service: Service, city: str) -> bool:
    return city in {one["id"] for one in service.get("/v1/cities")["items"]}


def latest(service: Service, city: str, zone: str | None = None) -> dict[str, Any] | None:
    """The newest indicator of the rule, once the city is there."""
    if not is_known(service, city):
        return None
    items = service.get(f"/v1/cities/{city}/indicators?rule={RULE}")["items"]
    return next((one for one in items if one["zone"] == zone), None)


def history(service: Service, city: str, begin: datetime) -> dict[str, Any]:
    """The indicator of one window; empty where there is none yet."""
    if not is_known(service, city):
        return {}
    items = service.get(f"/v1/cities/{city}/indicators/{RULE}/history")["items"]
    wanted = begin.isoformat().replace("+00:00", "Z")
    return next((one for one in items if one["window_begin"] == wanted), {})


@pytest.mark.mosquitto
@pytest.mark.browser
def test_a_published_reading_arrives_on_the_page(
    service: Service, own_broker: BrokerServer, city: str
) -> None:
    service.start()
    now = datetime.now(UTC).replace(microsecond=0)
    with Gateway(own_broker.port, city) as gateway:
        gateway.city("Europe/Vienna")
        gateway.meta("s1", zone="centre", series=[{"q": "no2", "kind": "gauge", "reporting_s": 60}])
        # the hour so far and the one before, so that the coverage is enough whenever this runs
        minutes = range(120, 0, -1)
        gateway.obs("s1", *(reading(now - timedelta(minutes=m), 20.0) for m in minutes))
        gateway.obs("s1", *(reading(now - timedelta(seconds=s), 20.0) for s in (30, 20, 10)))
        wait_for("the first value", lambda: latest(service, city, "centre"))
        with browser() as page:
            page.open(f"{service.api}/?city={city}#/indicators?zone=centre&q={RULE}")
            page.wait_for_text(card(RULE, "centre", "value"), "20")
            later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
            gateway.obs("s1", reading(later, 95.0), reading(later + timedelta(seconds=20), 95.0))
            before = page.find_text(card(RULE, "centre", "value"))
            wait_for(
                "the page shows another value, without being loaded again",
                lambda: page.find_text(card(RULE, "centre", "value")) not in {before, None, ""},
            )
            assert page.complaints() == []


@pytest.mark.mosquitto
def test_late_revised_and_redeclared_readings_reach_final_values(
    service: Service, own_broker: BrokerServer, database: DatabaseSettings, city: str
) -> None:
    service.start()
    dsn = database.dsn.get_secret_value()
    hour = datetime(2026, 3, 2, 10, tzinfo=UTC)
    minutes = [hour + timedelta(minutes=m) for m in range(0, 60, 10)]
    with Gateway(own_broker.port, city) as gateway:
        gateway.city(clock="replay")
        gateway.status("online")
        declared = {"q": "no2", "kind": "interval_mean", "period_s": 600, "stamp": "begin"}
        gateway.meta("s1", zone="centre", series=[declared])
        # the second half of the hour and the next one first
        gateway.obs("s1", *(reading(at, 30.0) for at in minutes[3:]))
        gateway.obs("s1", reading(hour + timedelta(hours=1), 50.0))
        wait_for(
            "half an hour is too little",
            lambda: history(service, city, hour).get("state") == "insufficient",
        )
        gateway.obs("s1", *(reading(at, 10.0) for at in minutes[:3]))
        gateway.status("end")
        wait_for("final", lambda: history(service, city, hour).get("value") == 20.0)
        wait_for("settled", lambda: state.is_settled(dsn, city))

        # a changed value corrects what was final; what was said before changes nothing
        gateway.obs("s1", reading(minutes[0], 70.0))
        wait_for("corrected", lambda: history(service, city, hour).get("value") == 30.0)
        assert history(service, city, hour)["state"] == "corrected"
        gateway.obs("s1", reading(minutes[0], 10.0), reading(minutes[0], 70.0))
        wait_for("both are known", lambda: state.ledger(dsn, city)["duplicate"] == 2)
        assert state.ledger(dsn, city)["revised"] == 1

        # the device says now that its numbers stand for five minutes each
        gateway.meta("s1", zone="centre", series=[{**declared, "period_s": 300, "since": None}])
    wait_for("settled", lambda: state.is_settled(dsn, city))
    verified = service.run("verify", "--settled")
    assert verified.returncode == 0, verified.stdout
