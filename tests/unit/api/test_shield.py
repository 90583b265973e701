"""How often a client may ask."""

from hypothesis import given
from hypothesis import strategies as st

from api.shield import Turnstile


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200), st.floats(0.5, 50))
def test_nobody_gets_more_than_the_rate_and_a_burst(pauses: list[float], rate: float) -> None:
    turnstile, now, let_in = Turnstile(rate), 100.0, 0
    for pause in pauses:
        now += pause
        let_in += turnstile.wait_for("a", now) == 0
    assert let_in <= max(4 * rate, 1) + rate * (now - 100.0) + 1


@given(st.integers(1, 20), st.floats(0.5, 50))
def test_who_waits_as_long_as_was_said_is_let_in(tries: int, rate: float) -> None:
    turnstile, now = Turnstile(rate), 0.0
    for _ in range(tries + int(4 * rate)):
        waits = turnstile.wait_for("a", now)
        if waits:
            now += waits + 1e-9
            assert turnstile.wait_for("a", now) == 0


def test_clients_do_not_share_and_no_rate_is_no_limit() -> None:
    turnstile = Turnstile(1)
    assert [turnstile.wait_for("a", 0) > 0 for _ in range(6)] == [False] * 4 + [True] * 2
    assert turnstile.wait_for("b", 0) == 0
    free = Turnstile(0)
    assert not any(free.wait_for("a", 0) for _ in range(1000))
