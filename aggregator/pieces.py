"""Rows of bytes put together column by column: a hundred thousand of them in a cycle. Pure."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.kernels.joining import join_pieces
from aggregator.series_table import Ints

Bytes = NDArray[np.uint8]

_COMMA: Final = ord(",")
_NO_SHIFT: Final = np.zeros(1, np.int64)
_encoder: Final = msgspec.json.Encoder()


class Spans(NamedTuple):
    """A piece of some bytes for each row: [begin, end)."""

    blob: Bytes
    begins: Ints
    ends: Ints

    def at(self, places: Ints) -> "Spans":
        """Those of some rows, or one of some for each row."""
        return Spans(self.blob, self.begins[places], self.ends[places])


class Lines(NamedTuple):
    """Rows, one after the other.

    Attributes:
        text: all of them.
        edges: where each begins [r + 1].
    """

    text: Bytes
    edges: Ints

    def take(self, rows: Ints) -> Bytes:
        """Some of them, ascending."""
        if len(rows) == len(self.edges) - 1:
            return self.text
        begins, ends = self.edges[rows], self.edges[rows + 1]
        out = np.empty(int((ends - begins).sum()), np.uint8)
        join_pieces(self.text, begins[None, :], ends[None, :], _NO_SHIFT, out)
        return out

    def one(self, row: int) -> bytes:
        """One of them."""
        return self.text[self.edges[row] : self.edges[row + 1]].tobytes()


def as_bytes(text: bytes) -> Bytes:
    """Bytes as an array."""
    return np.frombuffer(text, np.uint8)


def of_texts(texts: Sequence[bytes]) -> Spans:
    """Some texts, one after the other."""
    edges = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(one) for one in texts], out=edges[1:])
    return Spans(as_bytes(b"".join(texts)), edges[:-1], edges[1:])


def of_records(records: NDArray[Any]) -> Spans:
    """Records of one width [r]."""
    edges = np.arange(len(records) + 1, dtype=np.int64) * records.itemsize
    return Spans(np.ascontiguousarray(records).view(np.uint8).reshape(-1), edges[:-1], edges[1:])


def of_numbers(values: NDArray[Any]) -> Spans:
    """Numbers as JSON, nan as null [r]."""
    bits = np.ascontiguousarray(values).view(np.int64)  # 0.0 and -0.0 are not the same text
    changes = np.flatnonzero(bits[1:] != bits[:-1]) + 1
    if 2 * len(changes) < len(bits):  # neighbours have the same: each text is made once
        edges = np.concatenate([[0], changes, [len(bits)]])
        texts = _numbers(values[edges[:-1]])
        return texts.at(np.repeat(np.arange(len(edges) - 1), np.diff(edges)))
    return _numbers(values)


def _numbers(values: NDArray[Any]) -> Spans:
    text = as_bytes(_encoder.encode(values.tolist()))
    commas = np.flatnonzero(text == _COMMA)
    return Spans(text, np.append(1, commas + 1), np.append(commas, len(text) - 1))


def distinct(values: Iterable[Hashable]) -> tuple[list[Any], Ints]:
    """What there is of some values, and which of them each is."""
    known: dict[Hashable, int] = {}
    at = np.array([known.setdefault(one, len(known)) for one in values], np.int64)
    return list(known), at


class Pieces:
    """Rows that grow piece by piece.

    Args:
        rows: how many.

    Attributes:
        parts: the pieces of all rows, one after the other.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.parts: list[Spans] = []

    def add(self, spans: Spans) -> None:
        """A piece for each row."""
        self.parts.append(spans)

    def one_of(self, texts: Sequence[bytes], at: Ints) -> None:
        """One of some texts for each row."""
        self.parts.append(of_texts(texts).at(at))

    def all(self, text: bytes) -> None:
        """The same for all rows."""
        self.one_of([text], np.zeros(self._rows, np.int64))

    def lengths(self) -> Ints:
        """How long each row is so far."""
        found = np.zeros(self._rows, np.int64)
        for one in self.parts:
            found += one.ends - one.begins
        return found

    def join(self) -> Lines:
        """The rows."""
        shape = len(self.parts), self._rows
        begins = np.concatenate([one.begins for one in self.parts]).reshape(shape)
        ends = np.concatenate([one.ends for one in self.parts]).reshape(shape)
        shifts = np.cumsum([0, *(len(one.blob) for one in self.parts[:-1])])
        edges = np.zeros(self._rows + 1, np.int64)
        np.cumsum((ends - begins).sum(axis=0), out=edges[1:])
        out = np.empty(edges[-1], np.uint8)
        blob = np.concatenate([one.blob for one in self.parts])
        join_pieces(blob, begins, ends, shifts, out)
        return Lines(out, edges)
