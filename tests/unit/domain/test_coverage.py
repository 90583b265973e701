"""Coverage that is the minimum but for rounding is enough."""

from cityvitals.domain.coverage import least


def test_nine_of_ten_stations_are_nine_tenths_however_they_are_added() -> None:
    shares = [23 / 24] * 6 + [20 / 24] * 3 + [0.75]
    stored = 0.8999999999999998
    assert stored < 0.9
    assert stored >= least(0.9)
    assert sum(shares) / 10 >= least(0.9)


def test_what_lacks_a_quarter_hour_of_a_year_is_not_enough() -> None:
    assert least(0.9) > 0.9 - 1 / (366 * 96)
