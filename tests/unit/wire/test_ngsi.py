"""Entities of Smart Data Models, after their published examples."""

import json
from typing import Any

import pytest

from cityvitals.catalogue.load import load_catalogue
from cityvitals.wire.formats import ngsi_ld
from cityvitals.wire.pack import Pack, Reading
from cityvitals.wire.payload import decode
from cityvitals.wire.smart_models import METADATA, MODELS
from tests.unit.wire.messages import readings_of, reasons_of

T = "2026-11-23T10:15:00Z"
T_US = 1_795_428_900_000_000
CATALOGUE = load_catalogue()


def only(message: Any) -> Pack:
    return decode(json.dumps(message).encode())


def air(**attributes: Any) -> dict[str, Any]:
    return {
        "id": "urn:ngsi-ld:AirQualityObserved:x",
        "type": "AirQualityObserved",
        "dateObserved": {"type": "Property", "value": {"@type": "DateTime", "@value": T}},
        **attributes,
    }


def test_ngsi_ld_normalized() -> None:
    entity = air(
        refDevice={"type": "Relationship", "object": "urn:ngsi-ld:Device:roof-3"},
        location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
        no2={"type": "Property", "value": 69, "unitCode": "GQ"},
        pm25={"type": "Property", "value": 8, "unitCode": "GQ", "observedAt": T[:-1] + ".5Z"},
        relativeHumidity={"type": "Property", "value": 0.54},
        no={"type": "Property", "value": 45},
    )
    assert readings_of(only(entity)) == [
        Reading(T_US, "no2", 69.0, "GQ", device="roof-3"),
        Reading(T_US + 500_000, "pm2_5", 8.0, "GQ", device="roof-3"),
        Reading(T_US, "relative_humidity", 0.54, "1", device="roof-3"),
        Reading(T_US, "no", 45.0, device="roof-3"),
    ]


def test_key_values_and_notifications() -> None:
    entity = {**air(), "dateObserved": "2026-11-23T09:15:00Z/" + T, "no2": 69, "NOx": 139,
              "airQualityIndex": 65, "@context": ["x"]}  # fmt: skip
    notification = {"id": "urn:n:1", "type": "Notification", "data": [entity, entity]}
    once = [Reading(T_US, "no2", 69.0), Reading(T_US, "nox", 139.0)]
    assert readings_of(only(entity)) == once
    assert readings_of(only([entity])) == once
    assert readings_of(only(notification)) == once * 2
    assert readings_of(only({"subscriptionId": "5", "data": [entity]})) == once


def test_ngsi_v2_normalized() -> None:
    entity = {
        "id": "traffic-1",
        "type": "TrafficFlowObserved",
        "dateObservedFrom": {"type": "DateTime", "value": "2026-11-23T10:10:00Z"},
        "dateObservedTo": {"type": "DateTime", "value": T, "metadata": {}},
        "laneId": {"type": "Number", "value": 1},
        "intensity": {"type": "Number", "value": 197, "metadata": {}},
        "occupancy": {
            "type": "Number",
            "value": 76,
            "metadata": {"unitCode": {"type": "Text", "value": "P1"}},
        },
        "averageVehicleSpeed": {
            "type": "Number",
            "value": 52.6,
            "metadata": {"TimeInstant": {"type": "DateTime", "value": "2026-11-23T10:15:01Z"}},
        },
    }
    assert readings_of(only(entity)) == [
        Reading(T_US, "traffic_count", 197.0, "{vehicle}", ch="lane1"),
        Reading(T_US, "occupancy", 76.0, "P1", ch="lane1"),
        Reading(T_US + 1_000_000, "traffic_speed", 52.6, "km/h", ch="lane1"),
    ]


def test_phases_are_channels_and_cumulative_energy_is_refused_by_name() -> None:
    entity = {
        "id": "urn:ngsi-ld:ACMeasurement:MNCA-ACM-001",
        "type": "ACMeasurement",
        "refDevice": {"type": "Relationship", "object": ["urn:ngsi-ld:Device:T1-F01"]},
        "phaseType": {"type": "Property", "value": "threePhase"},
        "totalActiveEnergyImport": {"type": "Property", "value": 150781.9, "observedAt": T},
        "activePower": {
            "type": "Property",
            "value": {"L1": 11996.4, "L2": "9461", "L 3": 1},
            "observedAt": T,
            "measurementType": {"type": "Property", "value": "average"},
        },
        "frequency": {"type": "Property", "value": 50.02, "observedAt": T},
    }
    pack = only(entity)
    assert readings_of(pack) == [
        Reading(T_US, "electricity_power", 11996.4, "W", ch="L1", device="T1-F01"),
        Reading(T_US, "mains_frequency", 50.02, "Hz", device="T1-F01"),
    ]
    assert reasons_of(pack) == [(0, "unsupported"), (2, "no_number"), (3, "unknown_schema")]
    assert "a counter" in pack.bad[0].detail


def test_the_same_name_is_a_gas_in_air_and_an_ion_in_water() -> None:
    water = {"id": "x", "type": "WaterQualityObserved", "dateObserved": T, "NO2": 0.1,
             "temperature": 12, "pH": 7.4}  # fmt: skip
    assert only(air(NO2=1)).q == ["no2"]
    assert only(water).q == ["nitrite", "water_temperature", "ph"]


def test_without_any_time_a_value_counts_from_arrival() -> None:
    entity = air(LAeq=1)
    entity |= {"type": "NoiseLevelObserved", "dateObserved": None, "LAeq": 67.8}
    pack = only(entity)
    assert (pack.q, pack.t_us, pack.relative) == (["noise_laeq"], [0], [0])


@pytest.mark.parametrize(
    ("entity", "reason"),
    [
        (air(no2={"type": "Property", "value": "high"}), "no_number"),
        (air(no2=None), "no_number"),
        (air(no2=[1]), "no_number"),
        (air(no2={}), "no_number"),
        (air(no2=float("nan")), "no_number"),
        (air(no2={"value": 1, "unitCode": 5}), "bad_unit"),
        (air(no2=1, dateObserved="2016-03-15T11:00:00/2016-03-15T12:00:00"), "no_time"),
        (air(no2=1, dateObserved=5), "no_time"),
        (air(dust=1), "unknown_quantity"),
        (air(windDirection=186), "unsupported"),
        (air(type="Building"), "unknown_schema"),
        (air(refDevice="d" * 201), "unknown_schema"),
        ({"id": 1}, "unknown_schema"),
        (5, "unknown_schema"),
    ],
)
def test_one_bad_attribute_rejects_only_itself(entity: Any, reason: str) -> None:
    pack = only([air(pm10=3), entity, air(pm10=3)])
    assert reasons_of(pack) == [(1, reason)]
    assert pack.v == [3.0, 3.0]


def test_every_attribute_names_a_quantity_in_a_unit_that_fits() -> None:
    for attributes in MODELS.values():
        assert METADATA.isdisjoint(attributes)
        for measure in attributes.values():
            if measure.q:
                unit = measure.u or CATALOGUE.quantities[measure.q].unit
                assert CATALOGUE.conversion(measure.q, unit) is not None, measure
            else:
                assert measure.kind


@pytest.mark.parametrize(
    ("code", "quantity", "unit"),
    [
        ("GQ", "no2", "ug/m3"), ("GP", "no2", "mg/m3"), ("CEL", "air_temperature", "Cel"),
        ("P1", "relative_humidity", "%"), ("C62", "relative_humidity", "1"),
        ("A97", "air_pressure", "hPa"), ("KMH", "traffic_speed", "km/h"),
        ("SEC", "headway_time", "s"), ("MTR", "gap_distance", "m"), ("2N", "noise_laeq", "dB"),
        ("WTT", "electricity_power", "W"), ("VLT", "voltage", "V"),
        ("AMP", "electric_current", "A"),
        ("HTZ", "mains_frequency", "Hz"), ("Q30", "ph", "[pH]"), ("M1", "nitrate", "mg/L"),
        ("G42", "conductivity", "uS/cm"), ("D10", "conductivity", "S/m"), ("59", "co2", "[ppm]"),
    ],
)  # fmt: skip
def test_common_codes_fit_their_quantities(code: str, quantity: str, unit: str) -> None:
    found = CATALOGUE.find_unit(code)
    assert found is not None and found.token == unit
    assert CATALOGUE.conversion(quantity, code) is not None


@pytest.mark.parametrize(
    "reading",
    [Reading(1, "vehicle_mood", 1.0), Reading(1, "voltage", 1.0), Reading(1, "no", 1, rev=2)],
)
def test_what_no_model_has_words_for_is_not_written(reading: Reading) -> None:
    with pytest.raises(ValueError, match=r"no Smart Data Model|NGSI has no words"):
        ngsi_ld.encode([reading])
