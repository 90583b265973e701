import numpy as np

from cityvitals.store.high_water import HighWater


def test_only_what_lies_after_all_committed_is_newer() -> None:
    high = HighWater()
    series = np.array([1, 2, 100_000], np.int32)
    assert high.is_newer(np.array([5, 5, -5]), series).all()
    high.raise_to(np.array([5, 7, -5]), series)
    high.raise_to(np.array([3]), series[:1])
    assert high.is_newer(np.array([5, 8, -4]), series).tolist() == [False, True, True]
