from cityvitals.domain.names import Kind
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import BUCKET_US, EARLIEST_US
from cityvitals.store.dated import Placed, in_force, new_declaration, new_placement

GAUGE = Declaration(Kind.GAUGE, reporting_s=60)
HOURLY = Declaration(Kind.INTERVAL_MEAN, period_s=3600)
NOW = 10 * BUCKET_US + 1


def since(declaration: Declaration, us: int) -> Declaration:
    return Declaration(
        declaration.kind,
        declaration.period_s,
        declaration.stamp,
        declaration.reporting_s,
        since_us=us,
    )


def test_the_first_declaration_holds_from_ever() -> None:
    assert new_declaration([], GAUGE, None, NOW) == since(GAUGE, EARLIEST_US)


def test_the_same_declaration_again_is_nothing_new() -> None:
    before = [since(GAUGE, EARLIEST_US)]
    assert new_declaration(before, GAUGE, None, NOW) is None
    assert new_declaration(before, GAUGE, NOW, NOW) is None


def test_a_later_different_one_holds_from_its_arrival() -> None:
    before = [since(GAUGE, EARLIEST_US)]
    assert new_declaration(before, HOURLY, None, NOW) == since(HOURLY, NOW)


def test_a_declaration_with_a_date_holds_from_there() -> None:
    before = [since(GAUGE, EARLIEST_US)]
    assert new_declaration(before, HOURLY, 5, NOW) == since(HOURLY, 5)
    assert new_declaration([], HOURLY, 5, NOW) == since(HOURLY, 5)


def test_going_back_to_an_older_declaration_is_new() -> None:
    before = [since(GAUGE, EARLIEST_US), since(HOURLY, NOW)]
    assert new_declaration(before, GAUGE, None, NOW + 1) == since(GAUGE, NOW + 1)


def test_before_the_first_declaration_the_first_one_counts() -> None:
    declared = [since(HOURLY, 100), since(GAUGE, 200)]
    assert [in_force(declared, t) for t in (0, 100, 199, 200)] == [
        declared[0],
        declared[0],
        declared[0],
        declared[1],
    ]
    assert in_force([], 0) is None


def test_a_sensor_moves_at_the_next_quarter_hour() -> None:
    assert new_placement([], "north", None, NOW) == Placed("north", EARLIEST_US)
    before = [Placed("north", EARLIEST_US)]
    assert new_placement(before, "north", None, NOW) is None
    assert new_placement(before, "south", None, NOW) == Placed("south", 11 * BUCKET_US)
    assert new_placement(before, None, None, NOW) == Placed(None, 11 * BUCKET_US)


def test_no_place_is_nothing_to_say_first() -> None:
    assert new_placement([], None, None, NOW) is None
