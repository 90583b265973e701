"""From dead letters to the parts of their messages that are to be tried again: pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cityvitals.errors import BadTopic
from cityvitals.store.batch import Batch
from cityvitals.store.dead_letters import Key
from cityvitals.store.letter_box import Message, Waiting
from cityvitals.wire import topic as topics
from ingest.arrival import Arrival
from ingest.parts import Part, read_parts

MOST_MESSAGES: Final = 1_000
"""So many messages are in one commit at most."""
_DECLARES: Final = (topics.Meta, topics.CityMeta, topics.Status)


@dataclass(slots=True)
class Attempt:
    """A message as it came, with those of its letters that are tried.

    Attributes:
        whole: it was turned away as one, so all its readings are tried.
        found: the letters that the message still speaks of.
    """

    arrival: Arrival
    hash: bytes
    indices: set[int] = field(default_factory=set)
    whole: bool = False
    found: set[int] = field(default_factory=set)

    def parts(self, place: int, largest_bytes: int) -> list[Part]:
        """What of the message is to be tried, as message number `place` of a batch."""
        parts = []
        for part in read_parts(self.arrival, largest_bytes):
            part.message = place
            if not self.whole:
                self._narrow(part)
            if part.rejected or part.pack.t_us:
                parts.append(part)
        self.found = {0} if self.whole else _indices(parts) & self.indices
        return parts

    def _narrow(self, part: Part) -> None:
        """Leave of a part only what was a letter: the rest was taken when it came."""
        if part.whole:
            part.rejected = [
                (index, reason, detail)
                for _, reason, detail in part.rejected
                for index in sorted(self.indices)
            ]
            part.whole = False
            return
        part.rejected = [one for one in part.rejected if one[0] in self.indices]
        part.keep([row for row, index in enumerate(part.pack.index) if index in self.indices])


def first_of(letters: Sequence[Waiting], most_readings: int) -> list[Waiting]:
    """The first letters that make a batch: at least one, and not too many."""
    readings, messages = 0, set()
    for count, one in enumerate(letters):
        messages.add((one.hash, one.last_us))
        readings += one.weight
        if count and (len(messages) > MOST_MESSAGES or readings > most_readings):
            return list(letters[:count])
    return list(letters)


def attempts(letters: Iterable[Waiting], messages: Mapping[bytes, Message]) -> list[Attempt]:
    """The messages of letters, each as it came last; those that are gone by now are left out."""
    found: dict[tuple[bytes, int], Attempt] = {}
    for one in letters:
        if one.hash not in messages:
            continue
        topic, payload = messages[one.hash]
        arrival = Arrival(topic, payload, one.last_us, 0, 0, 0)
        attempt = found.setdefault((one.hash, one.last_us), Attempt(arrival, one.hash))
        attempt.indices.add(one.index)
        attempt.whole = attempt.whole or one.whole
    return list(found.values())


def declares(topic: str) -> bool:
    """Whether a topic is one of declarations, which are no readings."""
    try:
        return isinstance(topics.parse(topic), _DECLARES)
    except BadTopic:
        return False


def settled(tried: Collection[Attempt], batch: Batch) -> list[Key]:
    """The letters that are readings of a batch, and not rejected in it once more."""
    hashes = {(one.arrival.topic, one.arrival.payload): one.hash for one in tried}
    dead = {(hashes[one.topic, one.payload], one.index) for one in batch.rejected}
    return [
        (one.hash, index)
        for one in tried
        for index in sorted(one.found)
        if (one.hash, index) not in dead
    ]


def _indices(parts: Iterable[Part]) -> set[int]:
    return {
        index
        for part in parts
        for index in (*part.pack.index, *(rejected[0] for rejected in part.rejected))
    }
