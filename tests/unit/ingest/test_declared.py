import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.names import Clock, Domain, Kind, Stamp
from cityvitals.domain.outcome import Reason
from cityvitals.store.declarations import DeclaredCity, DeclaredDevice, DeclaredStatus
from cityvitals.store.registry import DeviceKey
from cityvitals.wire.meta import CityMeta, DeviceMeta, SeriesMeta, encode_city, encode_meta
from ingest.declared import Statement, read_statement
from tests.unit.ingest.city import CATALOGUE, NOW_US, arrival

META = "city/v1/town/air/gw/dev/meta"
STATUS = "city/v1/town/air/gw/status"
CITY = "city/v1/town/meta"


def read(topic: str, payload: bytes) -> Statement:
    return read_statement(arrival(payload, topic), CATALOGUE, 1000)


@given(st.sampled_from([META, STATUS, CITY]) | st.text(max_size=20), st.binary(max_size=200))
def test_any_message_is_taken_or_rejected(topic: str, payload: bytes) -> None:
    statement = read(topic, payload)
    assert statement.declared is not None or statement.rejected or not payload


def test_what_a_device_leaves_out_comes_from_its_quantity() -> None:
    meta = DeviceMeta(zone="north", series=(SeriesMeta("no2", kind=Kind.GAUGE),))
    declared = read(META, encode_meta(meta)).declared
    assert isinstance(declared, DeclaredDevice)
    assert declared.key == DeviceKey("town", "gw", Domain.AIR, "dev")
    one = declared.series["no2", ""]
    known = CATALOGUE.quantities["no2"]
    assert (one.period_s, one.reporting_s, one.unit) == (0.0, known.reporting_s, known.unit)


def test_an_interval_keeps_the_stamp_it_declares() -> None:
    series = SeriesMeta("no2", "", Kind.INTERVAL_MEAN, 3600.0, Stamp.BEGIN)
    declared = read(META, encode_meta(DeviceMeta(series=(series,)))).declared
    assert isinstance(declared, DeclaredDevice)
    one = declared.series["no2", ""]
    assert (one.stamp, one.period_s, one.reporting_s) == (Stamp.BEGIN, 3600.0, 3600.0)


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        (SeriesMeta("no3"), Reason.UNKNOWN_QUANTITY),
        (SeriesMeta("no2", unit="kWh"), Reason.BAD_UNIT),
        (SeriesMeta("no2", kind=Kind.INTERVAL_MEAN), Reason.UNKNOWN_SCHEMA),
        (SeriesMeta("no2", unit="ppb"), Reason.BAD_UNIT),
        (SeriesMeta("no2", reference_state="warm"), Reason.UNKNOWN_SCHEMA),
    ],
)
def test_a_bad_series_rejects_only_itself(series: SeriesMeta, reason: Reason) -> None:
    statement = read(META, encode_meta(DeviceMeta(series=(SeriesMeta("pm10"), series))))
    assert [(one.index, one.reason) for one in statement.rejected] == [(1, reason)]
    assert isinstance(statement.declared, DeclaredDevice)
    assert list(statement.declared.series) == [("pm10", "")]


def test_cities_and_gateways_speak_for_themselves() -> None:
    city = read(CITY, encode_city(CityMeta("Town", "Europe/Paris", Clock.REPLAY)))
    assert city.declared == DeclaredCity("town", "Town", "Europe/Paris", Clock.REPLAY)
    status = read(STATUS, b'{"status":"end"}')
    assert status.declared == DeclaredStatus("town", "gw", "end", NOW_US)
    assert (status.city, status.gateway) == ("town", "gw")


def test_clearing_a_retained_message_declares_nothing() -> None:
    statement = read(META, b"")
    assert (statement.declared, statement.rejected) == (None, [])


def test_too_large_a_message_is_rejected() -> None:
    [rejected] = read(META, b"{" + b" " * 1000 + b"}").rejected
    assert rejected.reason == Reason.TOO_LARGE


def test_a_gas_may_be_declared_in_shares_of_moles_with_a_reference_state() -> None:
    series = SeriesMeta("no2", unit="ppb", reference_state="293.15 K, 101.3 kPa")
    statement = read(META, encode_meta(DeviceMeta(series=(series,))))
    assert statement.rejected == []
