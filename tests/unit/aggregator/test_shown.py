"""Many indicators as JSON at once are what one at a time is, byte for byte."""

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aggregator.shown import present_all
from cityvitals.domain.names import State
from cityvitals.domain.times import from_us
from cityvitals.store.derived import IndicatorRow, as_mapping
from kpi_rules.load import load_rules
from kpi_rules.model import Rule
from kpi_rules.present import present, present_fact
from tests.unit.aggregator.small_city import HOUR, NOON

RULES = load_rules()
NUMBERS = (
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 700).map(float)
)
FACT: dict[str, Any] = {
    "id": 3,
    "zone": "",
    "name": "population",
    "value": 9.5,
    "unit": "{inhabitant}",
    "valid_from": from_us(NOON),
    "source": 'the "city"\n',
    "quality": "measured",
}


@st.composite
def indicators(draw: st.DrawFn, rule: Rule) -> IndicatorRow:
    begin = from_us(NOON + draw(st.integers(-400, 400)) * HOUR)
    text = st.text(max_size=5)
    return IndicatorRow(
        city="c",
        rule=rule.id,
        zone=draw(st.sampled_from(["", "north", "öst\n"])),
        window_begin=begin,
        revision=draw(st.integers(1, 9)),
        window_end=begin + timedelta(hours=1),
        rule_revision=rule.revision,
        state=draw(st.sampled_from(State)),
        closed=draw(st.booleans()),
        value=draw(NUMBERS),
        numerator=draw(NUMBERS),
        denominator=draw(NUMBERS),
        coverage=draw(st.floats(0, 1)),
        observed=draw(st.integers(0, 2**40)),
        flagged=draw(st.integers(0, 3)),
        reason=draw(text),
        stations=draw(st.lists(st.integers(1, 9), max_size=3)),
        silent=draw(st.lists(text, max_size=2)),
        watermark=draw(st.none() | st.just(begin)),
        computed_at=from_us(NOON + draw(st.integers(0, 9))),
        change_number=1,
        station_count=draw(st.integers(0, 9)),
        facts=draw(st.none() | st.just([]) | st.just([3])),
    )


@given(st.data())
def test_they_are_the_same_bytes(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(RULES))
    rows = data.draw(st.lists(indicators(rule), min_size=1, max_size=3))
    body = rule.body()
    facts = [[FACT] if row.facts else [] for row in rows]
    found = present_all(body, rows, [[present_fact(one) for one in some] for some in facts])
    alone = [
        msgspec.json.encode(present(body, as_mapping(row), some)).decode()
        for row, some in zip(rows, facts, strict=True)
    ]
    assert found == alone


@given(st.data())
def test_a_band_holds_its_upper_edge(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from([one for one in RULES if one.bands]))
    edges = [band.to for band in rule.bands if band.to is not None]
    row = data.draw(indicators(rule))._replace(value=data.draw(st.sampled_from(edges)))
    (found,) = present_all(rule.body(), [row])
    expected = present(rule.body(), as_mapping(row))
    assert msgspec.json.decode(found)["band"] == expected["band"]
