"""Records on the COPY wire and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.arrays import READING
from cityvitals.store.layouts import READINGS

_TIMES = st.integers(-(10**15), 10**16)
_ROWS = st.lists(
    st.tuples(
        _TIMES,
        _TIMES,
        st.floats(allow_nan=False),
        st.integers(-(2**63), 2**63 - 1),
        st.integers(0, 2**31 - 1),
        st.integers(0, 2**31 - 1),
    )
)


@given(_ROWS)
def test_a_reading_comes_back_with_its_arrival_to_the_millisecond(
    rows: list[tuple[int, int, float, int, int, int]],
) -> None:
    readings = np.array(rows, READING)
    back = READINGS.decode(READINGS.encode(readings))
    lost = readings["received"] - back["received"]
    assert ((lost >= 0) & (lost < 1000)).all()
    back["received"] = readings["received"]
    assert (back == readings).all()


def test_many_readings_are_encoded_piece_by_piece_and_lose_none() -> None:
    readings = np.zeros(10_001, READING)
    readings["t"] = readings["received"] = np.arange(10_001)
    readings["series"] = np.arange(10_001) % 7
    assert (READINGS.decode(READINGS.encode(readings)) == readings).all()
    first = READINGS.encode(readings[:3])
    READINGS.encode(readings[3:6])  # writes over the same blank rows
    assert (READINGS.decode(first) == readings[:3]).all()
