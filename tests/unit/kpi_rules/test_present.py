"""What the API and its stream say about an indicator."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kpi_rules.load import load_rules
from kpi_rules.present import find_band, present

BODY = next(rule for rule in load_rules() if rule.id == "air.co.hour").body()
ROW: dict[str, Any] = {
    "city": "lyra",
    "rule": "air.co.hour",
    "zone": "",
    "window_begin": datetime(2026, 11, 23, 10, tzinfo=UTC),
    "window_end": datetime(2026, 11, 23, 11, tzinfo=UTC),
    "revision": 2,
    "rule_revision": 1,
    "state": "final",
    "value": 0.4321,
    "numerator": 0.8642,
    "denominator": 2.0,
    "coverage": 0.75,
    "observed": 90,
    "flagged": 1,
    "reason": "",
    "station_count": 2,
    "silent": ["gw-7"],
    "watermark": datetime(2026, 11, 23, 11, 0, 2, 500_000, tzinfo=UTC),
    "computed_at": datetime(2026, 11, 23, 11, 1, tzinfo=UTC),
}


def test_an_indicator_in_full() -> None:
    found = present(BODY, ROW)
    assert json.loads(json.dumps(found)) == found
    assert found == {
        "rule": "air.co.hour",
        "zone": None,
        "window_begin": "2026-11-23T10:00:00Z",
        "window_end": "2026-11-23T11:00:00Z",
        "value": 0.4321,
        "unit": "mg/m3",
        "band": None,
        "state": "final",
        "coverage": 0.75,
        "revision": 2,
        "rule_revision": 1,
        "numerator": 0.8642,
        "denominator": 2.0,
        "observed": 90,
        "flagged": 1,
        "stations": 2,
        "facts": [],
        "silent": ["gw-7"],
        "watermark": "2026-11-23T11:00:02.500000Z",
        "computed_at": "2026-11-23T11:01:00Z",
        "reason": "",
        "title": "CO, hourly mean",
        "digits": 2,
        "domain": "air",
    }


def test_an_indicator_without_value_has_nulls() -> None:
    row = ROW | {"value": None, "watermark": None, "zone": "north", "state": "insufficient"}
    found = present(BODY | {"bands": [{"name": "any", "to": None, "colour": "#000000"}]}, row)
    assert (found["value"], found["band"], found["watermark"]) == (None, None, None)
    assert found["zone"] == "north"


@pytest.mark.parametrize(
    ("value", "band"), [(-1.0, "low"), (10.0, "low"), (10.000001, "high"), (1e9, "high")]
)
def test_a_bands_upper_edge_belongs_to_it(value: float, band: str) -> None:
    bands: list[dict[str, Any]] = [{"name": "low", "to": 10.0}, {"name": "high", "to": None}]
    assert find_band(bands, value) == band


def test_facts_are_shown_as_they_were_stated() -> None:
    fact = {
        "id": 4,
        "zone": "",
        "name": "population",
        "value": 1200.0,
        "unit": "{inhabitant}",
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "source": "register",
        "quality": "measured",
        "declared_at": datetime(2026, 2, 1, tzinfo=UTC),
    }
    ever = fact | {"zone": "north", "valid_from": None}
    shown = present(BODY, ROW, [fact, ever])["facts"]
    expected = {key: value for key, value in fact.items() if key != "declared_at"}
    assert shown == [
        expected | {"zone": None, "valid_from": "2026-01-01T00:00:00Z"},
        expected | {"zone": "north", "valid_from": None},
    ]
