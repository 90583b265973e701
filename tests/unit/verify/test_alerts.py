"""verify judges alerts another way than the aggregator does, and comes to the same."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.alerting.course import Course
from aggregator.alerting.windows import judged
from cityvitals.domain.times import to_us
from cityvitals.store.alerts import FinalWindow
from cityvitals.store.audit import FINAL
from cityvitals.verify.alerts import stretches
from kpi_rules.alerts.model import AlertRule, Side
from kpi_rules.load import load_rules
from kpi_rules.model import Rule
from tests.api_city import HOUR, NOW, own_alert

RULES = {rule.id: rule for rule in load_rules()}
HOURLY, RUNNING = RULES["air.pm2_5.hour"], RULES["air.eu2030.no2.alert"]
BEGIN = to_us(NOW.replace(minute=0))
VALUES = st.one_of(st.none(), st.sampled_from([5.0, 8.0, 9.0, 10.0, 11.0, 12.0]))
ALERTS = st.builds(
    lambda side, clear, windows, clear_windows: replace(
        own_alert("own.one", "any", 10.0),
        side=side,
        threshold=10.0 if side is Side.ABOVE else 9.0,
        clear=clear if side is Side.ABOVE else 18.0 - clear,
        windows=windows,
        clear_windows=clear_windows,
    ),
    st.sampled_from(Side),
    st.sampled_from([8.0, 9.0]),
    st.integers(1, 4),
    st.integers(1, 3),
)


@settings(max_examples=150, deadline=None)
@given(
    ALERTS,
    st.dictionaries(st.integers(0, 40), VALUES, max_size=40),
    st.sampled_from([HOURLY, RUNNING]),
)
def test_both_come_to_the_same(
    alert: AlertRule, hours: dict[int, float | None], rule: Rule
) -> None:
    hour = round(HOUR.total_seconds() * 1e6)
    length = 3 * hour if rule is RUNNING else hour
    found = [
        FinalWindow(BEGIN + at * hour, BEGIN + at * hour + length, hours[at])
        for at in sorted(hours)
    ]
    course = Course(alert)
    for window in judged(found, rule.window, "Europe/Rome", None):
        course.step(window)
    windows = np.zeros(len(found), FINAL)
    for place, one in enumerate(found):
        windows[place] = (0, one.begin, one.end, np.nan if one.value is None else one.value)
    right = stretches(alert, rule, "Europe/Rome", windows)
    assert [tuple(one) for one in right] == [tuple(one) for one in course.episodes()]
