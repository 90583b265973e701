"""Many indicators as rows and JSON at once are what one at a time is, byte for byte."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.batch import STATES
from aggregator.facts import Facts
from aggregator.forms import forms_of
from aggregator.kernels.partial import NONE
from aggregator.outputs import Outputs
from aggregator.saying import Saying, stations_of
from aggregator.sheet import Circumstances, Watched
from aggregator.told import CONTENT, Unsaved
from cityvitals.domain.times import from_us
from cityvitals.store.derived import ChangeRow, IndicatorRow, as_mapping
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
FLAGS = st.lists(st.booleans(), min_size=6, max_size=6)
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
    facts = np.empty((2, 3), object)
    facts.reshape(-1)[:] = [[3] if data else [] for data in draw(FLAGS)]
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
        used=draw(st.sampled_from([None, FACTS.told(facts)])),
        stations=stations_of(mine, took, IDS, w, g),
        forms=forms_of(mine),
    )


NOTHING = np.empty(0, np.int64)


def put_out(out: Outputs, said: Saying) -> None:
    """All of it is appended, and nothing the latest."""
    out.say(said, np.arange(len(said)), NOTHING, [])


@given(st.data())
def test_rows_and_texts_say_what_the_columns_do(data: st.DataObject) -> None:
    several = [data.draw(sayings(data.draw(st.sampled_from(RULES)))) for _ in range(3)]
    out = Outputs()
    for one in several:
        put_out(out, one)
    rows, changes = written.kept(out), written.changes(out)
    assert [row.change_number for row in rows] == [change.number for change in changes]
    assert {change.kind for change in changes} <= {"value", "correction"}
    assert out.count == len(rows) == sum(map(len, several))
    for said in several:
        check(said, [rows.pop(0) for _ in said.w], [changes.pop(0) for _ in said.w])


def check(said: Saying, rows: list[IndicatorRow], changes: list[ChangeRow]) -> None:
    """They say what it does."""
    assert [row.zone for row in rows] == [ZONES[one] for one in said.g]
    assert [row.change_number for row in rows] == [said.number + at for at in range(len(said))]
    for at, row in enumerate(rows):
        for name in ("value", "numerator", "denominator"):
            told, meant = getattr(row, name), float(said.content[name][at])
            assert told is None if np.isnan(meant) else repr(told) == repr(meant)
        assert (row.coverage, row.observed, row.flagged) == tuple(
            said.content[name][at].item() for name in ("coverage", "observed", "flagged")
        )
        assert row.station_count == said.content["station_count"][at]
        closed, was_closed = said.closed[at], said.was_closed[at]
        state = STATES[3 if said.reason[at] else (2 if was_closed else 1) if closed else 0]
        assert (row.revision, row.reason, row.closed, row.state) == (
            said.revision[at], said.reason[at], closed, state,
        )  # fmt: skip
        assert changes[at].kind == ("correction" if was_closed else "value")
        assert from_us(int(said.found.begins[said.w[at]])) == row.window_begin
        facts = [SHOWN] if row.facts else []
        ids = None if said.used is None else said.used.ids[said.w[at], said.g[at]]
        assert row.facts == ids
        body = said.plan.rule.body()
        assert (
            changes[at].body == msgspec.json.encode(present(body, as_mapping(row), facts)).decode()
        )


@given(st.data())
def test_of_several_windows_of_a_group_the_last_is_the_latest(data: st.DataObject) -> None:
    said = data.draw(sayings(PLAN.rule))
    out, rows = Outputs(), np.arange(len(said))
    begin = said.found.begins[said.w]
    first = rows[begin == begin[0]]
    out.say(said, NOTHING, first, [])  # what was shown before in the same transaction
    out.say(said, NOTHING, rows, [])
    newest = {ZONES[group]: from_us(int(at)) for group, at in zip(said.g, begin, strict=True)}
    assert {key[2]: row.window_begin for key, row in written.latest(out).items()} == newest


@given(st.data())
def test_a_row_that_stands_as_latest_alone_is_passed_on_later(data: st.DataObject) -> None:
    said, other = data.draw(sayings(PLAN.rule)), data.draw(sayings(PLAN.rule))
    out, keepers = Outputs(), [Unsaved() for _ in said.w]
    put_out(out, other)
    out.say(said, NOTHING, NOTHING, list(enumerate(keepers)))
    out.pass_on((int(said.found.begins[w]), one) for w, one in zip(said.w, keepers, strict=True))
    rows = written.kept(out)[len(other) :]
    check(said, rows, written.changes(out)[len(other) :])
    begins = {*said.found.begins[said.w].tolist(), *other.found.begins[other.w].tolist()}
    assert set(out.written().begins.tolist()) == begins


@given(st.data())
def test_a_band_holds_its_upper_edge(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from([one for one in RULES if one.bands]))
    edges = [band.to for band in rule.bands if band.to is not None]
    said = data.draw(sayings(rule))
    said.content["value"] = data.draw(st.sampled_from(edges))
    out = Outputs()
    put_out(out, said)
    expected = find_band(rule.body()["bands"], float(said.content["value"][0]))
    assert {msgspec.json.decode(one.body)["band"] for one in written.changes(out)} == {expected}
