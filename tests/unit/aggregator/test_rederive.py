"""History is derived again from its newest window to its oldest, a month at a time."""

from aggregator.rederive import STEP_US, Rederive
from cityvitals.domain.times import BUCKET_US

RULE = ("c", "rule")


def test_newest_first_in_steps() -> None:
    rederive = Rederive()
    rederive.add(*RULE)
    extents = {"c": (5, 2 * STEP_US + 7)}
    taken: list[tuple[int, int]] = []
    while len(rederive):
        taken += rederive.take(extents, {}).values()
    assert taken == [
        (STEP_US + 7, 2 * STEP_US + 7),
        (7, STEP_US + 7),
        (5, 7),
    ]


def test_one_rule_after_the_other() -> None:
    rederive = Rederive()
    rederive.add("c", "first")
    rederive.add("c", "second")
    extents = {"c": (0, 100)}
    assert rederive.take(extents, {}) == {("c", "first"): (0, 100)}
    assert rederive.take(extents, {}) == {("c", "second"): (0, 100)}
    assert rederive.take(extents, {}) == {}
    assert len(rederive) == 0


def test_asked_for_again_it_begins_again() -> None:
    rederive = Rederive()
    rederive.add(*RULE)
    extents = {"c": (0, 2 * STEP_US)}
    rederive.take(extents, {})
    rederive.add(*RULE)
    assert rederive.take(extents, {}) == {RULE: (STEP_US, 2 * STEP_US)}


def test_a_city_without_buckets_has_no_history() -> None:
    rederive = Rederive()
    rederive.add("d", "rule")
    assert rederive.take({"c": (0, 100)}, {}) == {}
    assert len(rederive) == 0


def test_it_goes_on_where_it_was() -> None:
    rederive, restored = Rederive(), Rederive()
    rederive.add(*RULE)
    extents = {"c": (0, 2 * STEP_US)}
    rederive.take(extents, {})
    restored.load(rederive.dump())
    assert restored.take(extents, {}) == rederive.take(extents, {}) == {RULE: (0, STEP_US)}


def test_no_stretch_is_shorter_than_a_window() -> None:
    rederive = Rederive()
    rederive.add(*RULE)
    extents = {"c": (0, 20 * STEP_US)}
    assert rederive.take(extents, {RULE: 12 * STEP_US}) == {RULE: (8 * STEP_US, 20 * STEP_US)}


def test_only_the_buckets_that_a_stretch_of_windows_ends_in() -> None:
    rederive = Rederive()
    rederive.add(*RULE, 2 * BUCKET_US + 1, 5 * BUCKET_US)
    extents = {"c": (0, 9 * BUCKET_US)}
    # A window that ends in (2.01, 5] ends with the third, fourth or fifth bucket.
    assert rederive.take(extents, {}) == {RULE: (2 * BUCKET_US, 5 * BUCKET_US)}
    assert rederive.take(extents, {}) == {}


def test_windows_that_end_behind_the_last_bucket_hold_it() -> None:
    rederive = Rederive()
    rederive.add(*RULE, 20 * BUCKET_US, 30 * BUCKET_US)
    assert rederive.take({"c": (0, 9 * BUCKET_US)}, {}) == {RULE: (8 * BUCKET_US, 9 * BUCKET_US)}
    assert rederive.take({"c": (0, 9 * BUCKET_US)}, {}) == {}
    rederive.add(*RULE, -30 * BUCKET_US, -20 * BUCKET_US)
    assert rederive.take({"c": (0, 9 * BUCKET_US)}, {}) == {}
    assert len(rederive) == 0


def test_two_stretches_are_one_that_holds_both() -> None:
    rederive = Rederive()
    rederive.add(*RULE, 2 * BUCKET_US, 3 * BUCKET_US)
    rederive.add(*RULE, 6 * BUCKET_US, 7 * BUCKET_US)
    assert rederive.take({"c": (0, 9 * BUCKET_US)}, {}) == {RULE: (2 * BUCKET_US, 7 * BUCKET_US)}


def test_a_checkpoint_of_before_means_all() -> None:
    restored = Rederive()
    restored.load([["c", "rule", 5 * BUCKET_US]])
    assert restored.take({"c": (0, 9 * BUCKET_US)}, {}) == {RULE: (0, 5 * BUCKET_US)}
