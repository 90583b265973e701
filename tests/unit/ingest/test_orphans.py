from datetime import UTC, datetime, timedelta

from cityvitals.store.lane_workers import Sighting
from ingest.orphans import Orphans

BEGIN = datetime(2026, 11, 25, tzinfo=UTC)
SILENT = {"a": Sighting(1, BEGIN)}


def heard(second: int, epoch: int = 1) -> dict[str, Sighting]:
    return {"a": Sighting(epoch, BEGIN + timedelta(seconds=second))}


def test_a_lane_is_an_orphan_after_silence_that_we_watched() -> None:
    orphans = Orphans(30, 20)
    assert [orphans.look(SILENT, at) for at in (0.0, 10.0, 20.0)] == [{}, {}, {}]
    assert orphans.look(SILENT, 30.0) == SILENT


def test_one_that_says_anything_is_none() -> None:
    orphans = Orphans(30, 20)
    assert not any(orphans.look(heard(at), float(at)) for at in range(0, 100, 10))


def test_a_new_epoch_begins_anew() -> None:
    orphans = Orphans(30, 20)
    for at in (0.0, 10.0, 20.0):
        orphans.look(SILENT, at)
    assert not orphans.look(heard(0, epoch=2), 30.0)
    assert not orphans.look(heard(0, epoch=2), 40.0)


def test_time_that_nobody_watched_does_not_count() -> None:
    orphans = Orphans(30, 20)
    orphans.look(SILENT, 0.0)
    assert not orphans.look(SILENT, 1000.0)  # suspended
    orphans.look(SILENT, 1010.0)
    orphans.look_failed()  # the database was away
    assert not orphans.look(SILENT, 1020.0)
    assert not orphans.look(SILENT, 1030.0)
    assert not orphans.look(SILENT, 1040.0)
    assert orphans.look(SILENT, 1050.0) == SILENT
