"""What ingest hands to the writer: screened readings as arrays, and what was rejected."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import READING, Records, empty
from cityvitals.domain.outcome import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Sender:
    """A registered gateway, as the writer books it.

    Attributes:
        number: its id in the `gateway` table.
        live: its city's clock is the wall's, so nothing is observed after it arrived.
    """

    city: str
    gateway: str
    number: int
    shard: int
    live: bool


@dataclass(frozen=True, slots=True)
class Rejection:
    """A reading, or a whole message, that cannot be taken: a dead letter to be.

    Attributes:
        index: position in the pack; 0 for a whole message.
        seq: the gateway's running number of it, or -1.
        city: "" where the topic tells none; so is gateway.
        at_us: arrival, microseconds since 1970 UTC.
        whole: the message was turned away as one, so nobody looked at its readings.
    """

    topic: str
    payload: bytes
    index: int
    city: str
    gateway: str
    reason: Reason
    detail: str
    at_us: int
    seq: int = -1
    whole: bool = False


@dataclass(slots=True)
class Batch:
    """Readings to commit together, in order of arrival.

    Attributes:
        readings: READING records; unsorted, keys may repeat.
        ends: when each was complete (`Declaration.end_us`), int64 microseconds.
        sender: of each reading, an index into `senders`, int32.
        senders: the gateways that take part.
        seq: the gateway's running number of each reading, int64, -1 where it has none; empty where
            none has.
        rejected: what was turned away beside them.
        settled: dead letters that these readings were, by hash and index: removed with the commit.
        book_as: the gateway that the ledger counts all under instead of its own; "" its own.
    """

    readings: Records = field(default_factory=lambda: empty(READING))
    ends: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    sender: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    senders: tuple[Sender, ...] = ()
    rejected: list[Rejection] = field(default_factory=list)
    seq: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    settled: list[tuple[bytes, int]] = field(default_factory=list)
    book_as: str = ""


@dataclass(slots=True)
class Outcomes:
    """How many readings of a batch became what."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
