"""Many indicators as rows and JSON at once are what one at a time is, byte for byte."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.facts import Facts
from aggregator.kernels.partial import NONE
from aggregator.outputs import Outputs
from aggregator.saying import STATES, Saying, change_lines, heads_of, indicator_lines, stations_of
from aggregator.sheet import Circumstances, Watched
from aggregator.shown import bodies_of
from aggregator.told import CONTENT
from cityvitals.domain.times import from_us
from cityvitals.store.derived import as_mapping
from cityvitals.store.model import FactRow
from kpi_rules.load import load_rules
from kpi_rules.model import Rule
from kpi_rules.present import find_band, present
from tests import written
from tests.unit.aggregator.small_city import HOUR, NOON, plan, series
from tests.unit.aggregator.test_emit import of

RULES = load_rules()
PLAN = plan("air.pm2_5.hour", *(series(number) for number in (1, 2, 3)))
IDS = np.array([101, 102, 103], np.int32)
ZONES = ("", "north", "öst\n")
NUMBERS = (
    st.floats(allow_nan=True, allow_infinity=False)
    | st.integers(-5, 700).map(float)
    | st.just(-0.0)
)
FACT = FactRow("c", "", "population", 9.5, "{inhabitant}", NOON, 'the "city"\n', "measured", 3)
FACTS = Facts([FACT])
SHOWN: dict[str, Any] = {
    **{name: getattr(FACT, name) for name in ("id", "zone", "name", "value", "unit")},
    "valid_from": from_us(NOON),
    "source": FACT.source,
    "quality": FACT.quality,
}


@st.composite
def sayings(draw: st.DrawFn, rule: Rule) -> Saying:
    """Up to six cells of two windows and three groups."""
    cells = sorted(draw(st.sets(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1)))
    w, g = (np.array(one, np.int64) for one in zip(*cells, strict=True))
    many = len(cells)
    who = replace(
        PLAN.contributing,
        rows=np.array([0, 1, 2, 0, 2]),
        group=np.array([0, 0, 0, 1, 2]),
        offsets=np.array([0, 3, 4, 5]),
    )
    mine = replace(PLAN, rule=rule, body=rule.body(), groups=ZONES, contributing=who)
    begins = NOON + HOUR * np.array([0, draw(st.integers(1, 400))])

    def column(one: st.SearchStrategy[Any], kind: Any) -> Any:
        return np.array(draw(st.lists(one, min_size=many, max_size=many)), kind)

    found = replace(of(1.0), begins=begins, ends=begins + HOUR)
    content = np.zeros(many, CONTENT)
    for name in ("value", "numerator", "denominator"):
        content[name] = column(NUMBERS, float)
    content["coverage"] = column(st.floats(0, 1), float)
    content["observed"] = column(st.integers(0, 2**40), np.int64)
    content["flagged"] = column(st.integers(0, 3), np.int64)
    content["station_count"] = column(st.integers(0, 3), np.int64)
    content["rule_revision"] = rule.revision
    facts = np.empty(many, object)
    facts[:] = [[3] if one else [] for one in column(st.booleans(), bool)]
    took = np.array(draw(st.lists(st.booleans(), min_size=10, max_size=10))).reshape(2, 5)
    text = st.text(max_size=5)
    marks = st.sampled_from([NONE, NOON, NOON + 1])
    watched = Watched.of(
        draw(st.lists(marks, min_size=3, max_size=3)),
        draw(st.lists(st.lists(text, max_size=2), min_size=3, max_size=3)),
    )
    now = NOON + draw(st.integers(0, 9))
    return Saying(
        plan=mine,
        found=found,
        around=Circumstances(np.zeros((2, 3), np.bool_), watched, now),
        w=w,
        g=g,
        content=content,
        reason=column(st.just("") | text, object),
        closed=column(st.booleans(), np.bool_),
        was_closed=column(st.booleans(), np.bool_),
        revision=column(st.integers(1, 9), np.int64),
        number=draw(st.integers(1, 2**40)),
        facts=draw(st.sampled_from([None, facts])),
        stations=stations_of(mine, took, IDS, w, g),
        heads=heads_of(mine),
    )


@given(st.data())
def test_rows_and_texts_say_what_the_columns_do(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(RULES))
    said = data.draw(sayings(rule))
    out, lines = Outputs(), indicator_lines(said)
    every = np.arange(len(said))
    out.keep(lines, every, said.found.begins[said.w])
    out.say(said, change_lines(said, bodies_of(said, FACTS)))
    rows, changes = written.kept(out), written.changes(out)
    assert [row.zone for row in rows] == [ZONES[one] for one in said.g]
    assert [row.state for row in rows] == [STATES[one] for one in said.state]
    assert [row.change_number for row in rows] == [change.number for change in changes]
    assert {change.kind for change in changes} <= {"value", "correction"}
    for at, row in enumerate(rows):
        for name in ("value", "numerator", "denominator"):
            told, meant = getattr(row, name), float(said.content[name][at])
            assert told is None if np.isnan(meant) else repr(told) == repr(meant)
        assert (row.coverage, row.observed, row.flagged) == tuple(
            said.content[name][at].item() for name in ("coverage", "observed", "flagged")
        )
        assert row.station_count == said.content["station_count"][at]
        assert (row.revision, row.reason, row.closed) == (
            said.revision[at], said.reason[at], said.closed[at],
        )  # fmt: skip
        assert from_us(int(said.found.begins[said.w[at]])) == row.window_begin
        facts = [SHOWN] if row.facts else []
        alone = msgspec.json.encode(present(rule.body(), as_mapping(row), facts)).decode()
        assert changes[at].body == alone


@given(st.data())
def test_of_several_windows_of_a_group_the_last_is_the_latest(data: st.DataObject) -> None:
    said = data.draw(sayings(PLAN.rule))
    out, lines = Outputs(), indicator_lines(said)
    rows, groups = np.arange(len(said)), 7 + said.g
    begin = said.found.begins[said.w]
    first = rows[begin == begin[0]]
    out.show(said.plan, lines, first, groups)  # what was shown before in the same transaction
    out.show(said.plan, lines, rows, groups)
    newest = {ZONES[group]: from_us(int(at)) for group, at in zip(said.g, begin, strict=True)}
    assert {key[2]: row.window_begin for key, row in written.latest(out).items()} == newest


@given(st.data())
def test_a_band_holds_its_upper_edge(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from([one for one in RULES if one.bands]))
    edges = [band.to for band in rule.bands if band.to is not None]
    said = data.draw(sayings(rule))
    said.content["value"] = data.draw(st.sampled_from(edges))
    out = Outputs()
    out.say(said, change_lines(said, bodies_of(said, FACTS)))
    expected = find_band(rule.body()["bands"], float(said.content["value"][0]))
    assert {msgspec.json.decode(one.body)["band"] for one in written.changes(out)} == {expected}
