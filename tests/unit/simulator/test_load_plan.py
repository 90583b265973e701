"""What a load sends, and the truth that it tells about it."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.outcome import Outcome, Reason
from cityvitals.domain.times import US
from cityvitals.errors import MalformedPayload, SettingsError
from cityvitals.wire import topic
from cityvitals.wire.payload import FORMATS, decode
from simulator.load.coding import OWN, Coding
from simulator.load.fleet import divided
from simulator.load.order import Shares
from simulator.load.packet import payload_of
from simulator.load.plan import Message, Plan
from simulator.load.poison import REASONS, Poison
from simulator.load.truth import Truth

NOW_US = 1_700_000_000 * US
LIMIT_US = 7_258_118_400 * US
SHARE = st.sampled_from([0.0, 0.05, 0.3])


def plan(readings: int = 3000, **options: Any) -> Plan:
    given = {"sensors": 20, "pack": 7, "readings": readings} | options
    return Plan.ending_at(NOW_US, **given)


class Twin:
    """Promise 2 and 3, one reading after the other, from the bytes alone."""

    def __init__(self) -> None:
        self.truth = Truth()
        self.said: dict[tuple[object, ...], set[float]] = defaultdict(set)

    def take(self, message: Message) -> None:
        self.truth.messages += 1
        try:
            pack = decode(message.payload)
        except MalformedPayload as error:
            self._reject(Reason(error.reason))
            return
        for bad in pack.bad:
            self._reject(bad.reason)
        place = topic.parse(message.topic)
        columns = zip(pack.t_us, pack.q, pack.v, pack.u, pack.ch, strict=True)
        for row, (t, q, v, u, ch) in enumerate(columns):
            if row in pack.relative:
                self._reject(Reason.NO_TIME)
            elif (reason := _refused(t, q, u)) is not None:
                self._reject(reason)
            else:
                self.truth.outcomes[self._outcome((place, q, ch, t), v)] += 1

    def _outcome(self, key: tuple[object, ...], value: float) -> Outcome:
        said = self.said[key]
        if value in said:
            return Outcome.DUPLICATE
        said.add(value)
        return Outcome.STORED if len(said) == 1 else Outcome.REVISED

    def _reject(self, reason: Reason) -> None:
        self.truth.outcomes[Outcome.REJECTED] += 1
        self.truth.reasons[reason] += 1


def _refused(t: int, q: str, u: str) -> Reason | None:
    catalogue = load_catalogue()
    if q not in catalogue.quantities:
        return Reason.UNKNOWN_QUANTITY
    if catalogue.conversion(q, u) is None:
        return Reason.BAD_UNIT
    return Reason.FUTURE if t >= LIMIT_US else None


def summed(messages: list[Message]) -> Truth:
    return sum((message.truth for message in messages), Truth())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    pack=st.integers(1, 23),
    sensors=st.integers(1, 25),
    shares=st.builds(Shares, SHARE, SHARE, SHARE, SHARE),
    numbered=st.booleans(),
)
def test_truth_is_what_a_plain_receiver_finds(
    seed: int, pack: int, sensors: int, shares: Shares, *, numbered: bool
) -> None:
    made = plan(1000, seed=seed, pack=pack, sensors=sensors, shares=shares, numbered=numbered)
    twin, keys = Twin(), set()
    for message in made:
        keys |= {key for key, _ in message.readings}
        before = Counter(twin.truth.outcomes)
        twin.take(message)
        assert +message.truth.outcomes == twin.truth.outcomes - before
    found = summed(list(made))
    assert found == twin.truth
    assert found.readings == found.outcomes.total()
    assert twin.truth.outcomes[Outcome.STORED] == len(twin.said) == len(keys)


def test_the_same_seed_sends_the_same_bytes_and_another_seed_others() -> None:
    shares = Shares(0.1, 0.1, 0.1, 0.1)
    sent = [(one.topic, one.payload) for one in plan(seed=3, shares=shares)]
    assert sent == [(one.topic, one.payload) for one in plan(seed=3, shares=shares)]
    assert sent != [(one.topic, one.payload) for one in plan(seed=4, shares=shares)]


def test_a_longer_plan_begins_as_a_shorter_one() -> None:
    long = plan(20_000, shares=Shares(0.1, 0.1, 0.1, 0.1))
    short = Plan(long.town, long.pack, 50, long.begin_us, shares=long.shares)
    sent = [one.payload for one in short]
    assert sent == [one.payload for one, _ in zip(long, sent, strict=False)]


def test_every_reading_of_a_plain_load_is_of_its_own_time_and_none_in_the_future() -> None:
    made = plan(5000)
    keys = [key for message in made for key, _ in message.readings]
    assert len(set(keys)) == len(keys) == summed(list(made)).outcomes[Outcome.STORED]
    assert all(made.begin_us <= key[-1] < NOW_US for key in keys)
    assert made.end_us == NOW_US


def test_a_plan_of_any_length_has_room_in_two_days() -> None:
    made = plan(10**10, sensors=1, pack=50)
    assert made.town.step_us >= 1
    assert made.begin_us >= NOW_US - 48 * 3600 * US


@pytest.mark.parametrize("pack", [1, 3, 10, 50, 500])
def test_series_report_in_turn_and_their_times_rise(pack: int) -> None:
    times: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for message in plan(10_000, pack=pack, sensors=10):
        for key, _ in message.readings:
            times[key[:-1]].append(key[-1])
    assert len(times) == 100
    assert all(found == sorted(found) for found in times.values())


def test_intervals_of_a_series_never_overlap() -> None:
    made = plan(5000)
    times: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for message in made:
        if message.sensor.domain == "energy":
            for key, _ in message.readings:
                times[key[:-1]].append(key[-1])
    gaps = {b - a for found in times.values() for a, b in pairwise(found)}
    assert gaps == {made.town.step_us}


def test_numbers_count_per_gateway_without_a_gap() -> None:
    seen: dict[str, list[int | None]] = defaultdict(list)
    for message in plan(4000, sensors=80, numbered=True):
        seen[message.sensor.gateway] += decode(message.payload).seq
    assert len(seen) == 16
    for numbers in seen.values():
        assert numbers == list(range(1_000_000_000, 1_000_000_000 + len(numbers)))


def test_every_kind_of_poison_occurs_and_spoils_what_it_says() -> None:
    spoilt = [one for one in plan(20_000, shares=Shares(poison=0.5)) if one.poison is not None]
    assert {one.poison for one in spoilt} == set(Poison)
    for one in spoilt:
        assert one.poison is not None
        assert one.truth.reasons == {REASONS[one.poison]: 1}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"pack": 501}, "--pack"),
        ({"pack": 0}, "--pack"),
        ({"sensors": 0}, "--sensors"),
        ({"sensors": 1_000_001}, "--sensors"),
        ({"shares": Shares(duplicates=1.5)}, "--duplicates"),
        ({"shares": Shares(0.5, 0.5, 0.5)}, "together"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        plan(**options)


def said(message: Message) -> list[tuple[object, ...]]:
    pack = decode(message.payload)
    assert not pack.bad
    return sorted(zip(pack.t_us, pack.q, pack.ch, pack.v, strict=True))


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {OWN}))
def test_every_format_says_the_same(name: str) -> None:
    coding = Coding(name)
    own = plan(1000, shares=Shares(duplicates=0.1, revisions=0.1))
    own = replace(own, town=replace(own.town, without=coding.lacks))
    finest = 1000 if name.startswith("thingsboard") else 1
    for ours, theirs in zip(own, replace(own, coding=coding), strict=True):
        assert ours.payload != theirs.payload
        assert theirs.topic == ours.topic
        assert theirs.truth == ours.truth
        expected = sorted((t - t % finest, *rest) for t, *rest in said(ours))  # type: ignore[operator]
        assert said(theirs) == expected


def test_what_only_our_own_json_can_say_is_refused_of_others() -> None:
    for made in (plan(shares=Shares(poison=0.1)), plan(numbered=True)):
        with pytest.raises(SettingsError, match="--format senml_cbor: expected without"):
            replace(made, coding=Coding("senml_cbor"))
    with pytest.raises(SettingsError, match=r"--format: expected one of .*senml_cbor"):
        Coding("xml")


def test_many_sensors_are_no_more_than_their_topics() -> None:
    """Packets are not kept: one of the last sensor is made where it is sent."""
    made = plan(10_000_000, sensors=100_000, pack=500)
    packets, row = made.fresh(np.array([0, 99_999]))
    assert [payload_of(one.tobytes())[:7] for one in packets] == [b'[{"t":"'] * 2
    assert made.template.topics[int(row[1])].endswith("/d99999/obs")
    assert b"/d99999/obs" in packets[1].tobytes()


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 500))
def test_parts_are_the_whole(sensors: int, parts: int, readings: int) -> None:
    whole = plan(readings, sensors=sensors)
    if sensors < parts:
        with pytest.raises(SettingsError, match="--processes"):
            divided(whole, parts)
        return
    found = divided(whole, parts)
    assert [one for part in found for one in part.town.sensors] == list(whole.town.sensors)
    assert sum(part.messages for part in found) >= whole.messages
    assert max(part.messages for part in found) <= -(-whole.messages // parts)


def test_numbered_readings_are_not_divided() -> None:
    with pytest.raises(SettingsError, match="--processes: expected without --seq"):
        divided(plan(numbered=True), 2)
