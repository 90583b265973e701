"""What is said of many rules, one after the other, as one: what is put together costs by the row.

Nearly all that a rule says is a few rows, so each step taken for all rules at once is taken a
hundred times less often. Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from aggregator.facts import Used
from aggregator.pieces import Spans, as_bytes, distinct, of_texts
from aggregator.saying import Saying
from aggregator.series_table import Ints
from cityvitals.domain.names import State

STATES: Final = (State.PROVISIONAL, State.FINAL, State.CORRECTED, State.INSUFFICIENT)


class Batch:
    """Sayings one after the other; rows [r] are theirs in order.

    Args:
        said: what is said; none of it empty.

    Attributes:
        edges: where each one's rows begin [s + 1].
        content: CONTENT [r]. reason: why there is no value, or '' [r].
        closed, was_closed, revision: as in `Saying` [r].
        numbers: of the changes [r].
        state: which of `STATES` each has [r].
    """

    def __init__(self, said: Sequence[Saying]) -> None:
        self.said = said
        counts = [len(one) for one in said]
        self.edges: Ints = np.zeros(len(said) + 1, np.int64)
        np.cumsum(counts, out=self.edges[1:])
        self.content = np.concatenate([one.content for one in said])
        self.reason = np.concatenate([one.reason for one in said])
        self.closed = np.concatenate([one.closed for one in said])
        self.was_closed = np.concatenate([one.was_closed for one in said])
        self.revision = np.concatenate([one.revision for one in said])
        first = np.array([one.number for one in said], np.int64) - self.edges[:-1]
        self.numbers: Ints = np.repeat(first, counts) + np.arange(len(self), dtype=np.int64)
        lacking = np.flatnonzero(self.reason != "")
        found, at = distinct(self.reason[lacking].tolist())
        self._reasons = ["", *found]
        self._reason_at = np.zeros(len(self), np.int64)
        self._reason_at[lacking] = at + 1
        state = np.where(self.closed, np.where(self.was_closed, 2, 1), 0)
        self.state: Ints = np.where(self._reason_at > 0, 3, state)

    def __len__(self) -> int:
        return int(self.edges[-1])

    def each(self, texts_of: Callable[[Saying], tuple[Sequence[bytes], Ints | None]]) -> Spans:
        """One text for each row.

        Args:
            texts_of: some texts, and which of them each row of a saying has; None: all the first.
        """
        known: dict[bytes, int] = {}
        at = np.empty(len(self), np.int64)
        for one, begin, end in self._parts():
            texts, places = texts_of(one)
            if places is None:
                at[begin:end] = known.setdefault(texts[0], len(known))
            else:
                mine = [known.setdefault(text, len(known)) for text in texts]
                at[begin:end] = np.array(mine, np.int64)[places]
        return of_texts(list(known)).at(at)

    def windows(self, text_of: Callable[[int], bytes], *, ends: bool = False) -> Spans:
        """A text of each row's window, by its begin or its end."""
        known: dict[int, bytes] = {}
        return self.each(
            lambda one: (
                [
                    known.get(at) or known.setdefault(at, text_of(at))
                    for at in (one.found.ends if ends else one.found.begins).tolist()
                ],
                one.w,
            )
        )

    def groups(self, spans_of: Callable[[Saying], Spans]) -> Spans:
        """A piece for each row, by its group."""
        return end_to_end([spans_of(one).at(one.g) for one in self.said])

    def watched(self, texts_of: Callable[[Saying], Sequence[bytes]]) -> Spans:
        """A text for each row, by what its group's gateways are."""
        known: dict[tuple[int, int], Sequence[bytes]] = {}

        def mine(one: Saying) -> tuple[Sequence[bytes], Ints]:
            key = id(one.around.watched), one.around.now_us
            if key not in known:
                known[key] = texts_of(one)
            return known[key], one.around.watched.kind[one.g]

        return self.each(mine)

    def reasons(self, text_of: Callable[[str], bytes]) -> Spans:
        """A text of why each row has no value."""
        return of_texts([text_of(one) for one in self._reasons]).at(self._reason_at)

    def facts_used(self, spans_of: Callable[[Used], Spans], nothing: bytes) -> Spans:
        """A text of the facts that each row uses; `nothing` of a rule that uses none."""
        none = of_texts([nothing])
        return end_to_end(
            [
                none.at(np.zeros(len(one), np.int64))
                if one.used is None
                else spans_of(one.used).at(one.used.kind[one.w, one.g])
                for one in self.said
            ]
        )

    def _parts(self) -> Iterator[tuple[Saying, int, int]]:
        edges = self.edges.tolist()
        return zip(self.said, edges[:-1], edges[1:], strict=True)


def end_to_end(parts: Sequence[Spans]) -> Spans:
    """Pieces of several blobs, as pieces of one."""
    shifts = np.cumsum([0, *(len(one.blob) for one in parts[:-1])])
    moved = np.repeat(shifts, [len(one.begins) for one in parts])
    blob = np.concatenate([as_bytes(b""), *(one.blob for one in parts)])
    begins = np.concatenate([one.begins for one in parts])
    ends = np.concatenate([one.ends for one in parts])
    return Spans(blob, begins + moved, ends + moved)
