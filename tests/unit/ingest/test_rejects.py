import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import US
from cityvitals.store.batch import Rejection
from ingest.rejects import BURST, PER_SECOND, Notices
from tests.unit.ingest.city import NOW_US, TOPIC


def rejection(index: int = 0, topic: str = TOPIC, at_us: int = NOW_US) -> Rejection:
    return Rejection(topic, b"[]", index, "town", "gw", Reason.BAD_UNIT, "why", at_us)


def told(notices: Notices, rejected: list[Rejection], now_us: int = NOW_US) -> list[Any]:
    return [(one.topic, json.loads(one.payload)) for one in notices.of(rejected, now_us)]


def test_a_gateway_is_told_once_for_a_message() -> None:
    [(topic, words)] = told(Notices(), [rejection(4), rejection(2)])
    assert topic == "city/v1/town/air/gw/reject"
    assert words == {
        "topic": TOPIC,
        "received_at": "2026-11-23T10:15:00Z",
        "rejected": [
            {"index": 2, "reason": "bad_unit", "detail": "why"},
            {"index": 4, "reason": "bad_unit", "detail": "why"},
        ],
        "more": 0,
        "suppressed": 0,
    }


def test_a_long_list_is_cut_and_says_so() -> None:
    [(_, words)] = told(Notices(), [rejection(index) for index in range(1000)])
    assert (len(words["rejected"]), words["more"]) == (20, 980)


def test_a_topic_that_names_no_gateway_has_nobody_to_tell() -> None:
    assert (
        told(Notices(), [rejection(topic="nonsense"), rejection(topic="city/v1/town/meta")]) == []
    )


@given(st.lists(st.integers(0, 5 * US), min_size=1, max_size=60))
def test_the_rate_is_bounded_and_nothing_goes_uncounted(gaps: list[int]) -> None:
    notices, now_us, found = Notices(), NOW_US, []
    for number, gap in enumerate(gaps):
        now_us += gap
        found += told(notices, [rejection(at_us=number)], now_us)
    assert len(found) <= BURST + PER_SECOND * (now_us - NOW_US) / US
    now_us += 3600 * US
    [(_, last)] = told(notices, [rejection(at_us=-1)], now_us)
    counted = sum(words["suppressed"] for _, words in found) + last["suppressed"]
    assert len(found) + counted == len(gaps)


def test_one_gateways_poison_does_not_silence_another() -> None:
    notices = Notices()
    told(notices, [rejection(at_us=number) for number in range(100)])
    other = "city/v1/town/air/other/dev/obs"
    assert len(told(notices, [rejection(topic=other)])) == 1
