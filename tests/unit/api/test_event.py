import json
from datetime import timedelta

import pytest

from api.event import change_event, comment, database_event, encode_event
from cityvitals.store.derived import IndicatorRow
from cityvitals.store.views import Change
from tests.api_city import body_of, indicator, insufficient

ROW = indicator("air.no2.hour", "centro")


def of(row: IndicatorRow, kind: str = "value") -> Change:
    return Change(7, kind, body_of(row))


def test_change_is_sent_with_its_number_kind_and_body_as_it_is() -> None:
    change = of(ROW)
    wire = change_event(change).wire.decode()
    assert wire == f"id: 7\nevent: value\ndata: {change.body}\n\n"


def test_provisional_value_is_a_step_of_its_window() -> None:
    event = change_event(of(ROW))
    assert event.is_step
    assert event.window is not None
    assert event.window[:2] == ("air.no2.hour", "centro")


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (ROW._replace(state="final"), "value"),
        (ROW._replace(state="corrected"), "correction"),
        (ROW, "status"),
        (insufficient(ROW._replace(watermark=ROW.window_end), "9 of 24 h", 0.3), "value"),
        (insufficient(ROW._replace(watermark=None), "no data", 0.0), "value"),
    ],
)
def test_what_is_settled_is_no_step(row: IndicatorRow, kind: str) -> None:
    assert not change_event(of(row, kind)).is_step


def test_insufficient_value_of_an_open_window_is_a_step() -> None:
    row = insufficient(ROW._replace(watermark=ROW.window_end - timedelta(minutes=1)), "few", 0.1)
    assert change_event(of(row)).is_step


@pytest.mark.parametrize("body", ['{"gateway": "gw-1"}', "[1, 2]", '{"rule": 5}', "no json"])
def test_body_about_something_else_is_passed_on_unmerged(body: str) -> None:
    event = change_event(Change(3, "status", body))
    assert event.window is None and not event.is_step
    assert f"data: {body}\n\n".encode() in event.wire


def test_data_of_several_lines_stays_one_event() -> None:
    assert encode_event("x", "a\nb", 1) == b"id: 1\nevent: x\ndata: a\ndata: b\n\n"


def test_comment_stays_on_one_line() -> None:
    assert comment("too\n\nslow") == b": too slow\n\n"


def test_database_status_has_no_number_and_says_why() -> None:
    event = database_event("away", "refused")
    assert event.number is None
    data = event.wire.decode().partition("data: ")[2]
    assert json.loads(data) == {"database": "away", "reason": "refused"}
