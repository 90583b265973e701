"""What a batch leaves in log and ledger."""

from collections import Counter

import numpy as np

from cityvitals.domain.arrays import READING
from cityvitals.domain.logbody import decode_readings, decode_revisions
from cityvitals.domain.names import LogKind
from cityvitals.domain.outcome import Outcome, Reason
from cityvitals.store.batch import Batch, Rejection, Sender
from cityvitals.store.booking import Written, books, log_entries, outcomes
from cityvitals.store.resolution import Became

LIVE = Sender("town", "gw", 7, 3, live=True)
REPLAYED = Sender("old", "gw", 8, 9, live=False)


def batch() -> tuple[Batch, Written]:
    readings = np.zeros(4, READING)
    readings["t"] = [10, 20, 30, 40]
    readings["received"] = [100, 101, 102, 103]
    readings["series"] = [1, 1, 2, 3]
    readings["v"] = [1, 2, 3, 4]
    rejected = [Rejection("t", b"p", 0, "town", "gw", Reason.FUTURE, "", 1)]
    made = Batch(
        readings,
        np.array([10, 500, 30, 900]),
        np.array([0, 0, 0, 1], np.int32),
        (LIVE, REPLAYED),
        rejected,
    )
    became = np.array([Became.STORED, Became.DUPLICATE, Became.REVISED, Became.DUPLICATE], np.int8)
    return made, Written(became, readings[:1], readings[2:3], np.array([3]))


def test_the_books_close() -> None:
    made, written = batch()
    assert books(made, written) == {
        ("town", "gw"): Counter(
            {
                Outcome.STORED: 1,
                Outcome.DUPLICATE: 1,
                Outcome.REVISED: 1,
                Outcome.REJECTED: 1,
            }
        ),
        ("old", "gw"): Counter({Outcome.DUPLICATE: 1}),
    }
    assert outcomes(made, written).counts.total() == 5
    assert outcomes(made, written).reasons == Counter({Reason.FUTURE: 1})


def test_each_shard_logs_its_readings_then_its_revisions() -> None:
    made, written = batch()
    entries = log_entries(made, written)
    assert [(one.shard, one.kind) for one in entries] == [
        (3, LogKind.READINGS),
        (3, LogKind.REVISIONS),
        (9, LogKind.READINGS),
    ]
    seen, readings = decode_readings(entries[0].body)
    assert readings["t"].tolist() == [10]
    assert decode_revisions(entries[1].body)[["t", "series"]].tolist() == [(30, 2)]
    # What a live gateway says of the future is capped by when it said so.
    assert seen.tolist() == [(102, 102, 7, 3)]


def test_a_gateway_that_only_repeats_itself_is_still_seen() -> None:
    made, written = batch()
    seen, readings = decode_readings(log_entries(made, written)[2].body)
    assert len(readings) == 0
    assert seen.tolist() == [(900, 103, 8, 1)]


def test_rejections_alone_leave_no_log() -> None:
    made, _ = batch()
    only = Batch(rejected=made.rejected)
    none = made.readings[:0]
    nothing = Written(np.empty(0, np.int8), none, none, np.empty(0, np.int64))
    assert log_entries(only, nothing) == []
    assert books(only, nothing) == {("town", "gw"): Counter({Outcome.REJECTED: 1})}
