"""Sums are in order of time, bit for bit, whether windows are long or many."""

import numpy as np
import pytest

from cityvitals.verify.sums import in_order


@pytest.mark.parametrize(("windows", "longest"), [(3, 200), (200, 3), (50, 50), (1, 0), (0, 0)])
def test_sums_are_those_of_a_loop(windows: int, longest: int) -> None:
    random = np.random.default_rng(windows)
    numbers = random.normal(size=400) * 10.0 ** random.integers(-8, 9, 400)
    first = np.sort(random.integers(0, 400 - longest, windows))
    last = first + random.integers(0, longest + 1, windows)
    expected = []
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        found = 0.0
        for number in numbers[begin:end].tolist():
            found += number
        expected.append(found)
    assert in_order(numbers, first, last).tolist() == expected


def test_numpy_would_add_in_another_order() -> None:
    """Or the order would be no matter."""
    numbers = np.full(1000, 0.1)
    (found,) = in_order(numbers, np.array([0]), np.array([1000]))
    assert found != np.sum(numbers)
