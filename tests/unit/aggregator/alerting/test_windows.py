"""Which final windows follow each other, whatever the clock does."""

from datetime import UTC, datetime

import numpy as np
import pytest

from aggregator.alerting.windows import judged
from cityvitals.domain.times import to_us
from cityvitals.domain.window import spans
from cityvitals.store.alerts import FinalWindow
from kpi_rules.model import Window
from kpi_rules.words import ClockName, Fold, Length

ROME = "Europe/Rome"
OCTOBER = to_us(datetime(2026, 10, 20, tzinfo=UTC))
NOVEMBER = to_us(datetime(2026, 11, 10, tzinfo=UTC))
"""The clocks change in between."""


def every(window: Window) -> list[FinalWindow]:
    begins, ends = spans(
        str(window.length),
        str(window.clock),
        ROME,
        OCTOBER,
        NOVEMBER,
        str(window.step or ""),
    )
    return [FinalWindow(int(a), int(b), 1.0) for a, b in np.column_stack([begins, ends])]


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (Length.QUARTER_HOUR, None),
        (Length.HOUR, None),
        (Length.DAY, None),
        (Length.RUNNING_3H, None),
        (Length.RUNNING_24H, Length.HOUR),
        (Length.RUNNING_7_DAYS, None),
    ],
)
def test_all_windows_follow_each_other_until_one_is_left_out(
    length: Length, step: Length | None
) -> None:
    window = Window(length, ClockName.LOCAL, Fold.BUCKETS, step)
    windows = every(window)
    found = [one.follows for one in judged(windows, window, ROME, None)]
    assert found == [False, *[True] * (len(windows) - 1)]
    gap = len(windows) // 2
    left = windows[:gap] + windows[gap + 1 :]
    found = [one.follows for one in judged(left, window, ROME, None)]
    assert [place for place, follows in enumerate(found) if not follows] == [0, gap]


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    window = Window(Length.HOUR, ClockName.LOCAL, Fold.BUCKETS)
    windows = every(window)[:10]
    assert judged(windows[4:], window, ROME, windows[3])[0].follows
    assert not judged(windows[5:], window, ROME, windows[3])[0].follows
    assert judged([], window, ROME, windows[3]) == []


def test_windows_of_another_grid_follow_nothing() -> None:
    window = Window(Length.HOUR, ClockName.LOCAL, Fold.BUCKETS)
    shifted = [FinalWindow(one.begin + 1, one.end + 1, 1.0) for one in every(window)[:3]]
    assert not any(one.follows for one in judged(shifted, window, ROME, None))
