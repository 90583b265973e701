"""A program of the machine, and the arrays that it is given: numbers and series by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aggregator.kernels.machine import run

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


class SeriesOf(NamedTuple):
    """A series for each cell.

    Attributes:
        values: in order of time [..., n].
        lengths: how many places of each are there [...].
    """

    values: Floats
    lengths: Ints


Names: TypeAlias = Mapping[str, "Floats | SeriesOf"]
"""Numbers [...] and series by name, all of shapes that broadcast together."""


class Evaluated(NamedTuple):
    """What a rule comes to, cell by cell, in its unit.

    Attributes:
        value: rounded as the rule says.
        unrounded: before that.
        numerator, denominator: where the expression is a division, else nan; the numerator carries
            the scale, so that their quotient is the unrounded value.
        dominant: which of the candidates of `highest` it was, from 0; nan where there is none.
        parts: the named steps that are numbers.
    """

    value: Floats
    unrounded: Floats
    numerator: Floats
    denominator: Floats
    dominant: Floats
    parts: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Program:
    """Code of the machine, and what it works on.

    Attributes:
        scalars, series: names, in the order in which the machine is given their values.
        outputs: how many numbers come out.
    """

    code: Ints
    constants: Floats
    tables: Ints
    rows: Floats
    scalars: tuple[str, ...]
    series: tuple[str, ...]
    depth: int
    locals_: int
    outputs: int

    def __call__(self, names: Names) -> Floats:
        """What comes out [outputs, ...].

        Raises:
            KeyError: a name is lacking. ValueError: shapes do not fit together.
        """
        shape = np.broadcast_shapes(*(_shape(one) for one in names.values()))
        cells = int(np.prod(shape, dtype=np.int64))
        scalars = np.empty((len(self.scalars), cells))
        for at, name in enumerate(self.scalars):
            scalars[at] = np.broadcast_to(_numbers(names[name]), shape).reshape(-1)
        values, lengths = _series([_series_of(names[name]) for name in self.series], shape)
        out = np.empty((self.outputs, cells))
        run(
            self.code, self.constants, self.tables, self.rows, scalars, values, lengths,
            self.depth, self.locals_, out,
        )  # fmt: skip
        return out.reshape(self.outputs, *shape)


def _shape(one: Floats | SeriesOf) -> tuple[int, ...]:
    return one.lengths.shape if isinstance(one, SeriesOf) else one.shape


def _numbers(one: Floats | SeriesOf) -> Floats:
    if isinstance(one, SeriesOf):
        raise ValueError("a series where a number was expected")  # noqa: TRY004 (as shapes)
    return one


def _series_of(one: Floats | SeriesOf) -> SeriesOf:
    if not isinstance(one, SeriesOf):
        raise ValueError("a number where a series was expected")  # noqa: TRY004
    return one


def _series(found: Sequence[SeriesOf], shape: tuple[int, ...]) -> tuple[Floats, Ints]:
    """Series as the machine takes them: [s, cells, n], and their lengths [s, cells]."""
    cells = int(np.prod(shape, dtype=np.int64))
    width = max((one.values.shape[-1] for one in found), default=0)
    values = np.full((len(found), cells, width), np.nan)
    lengths = np.zeros((len(found), cells), np.int64)
    for at, one in enumerate(found):
        size = one.values.shape[-1]
        values[at, :, :size] = np.broadcast_to(one.values, (*shape, size)).reshape(cells, size)
        lengths[at] = np.broadcast_to(one.lengths, shape).reshape(-1)
        if (lengths[at] > size).any() or (lengths[at] < 0).any():
            raise ValueError("a series is shorter than it is said to be")
    return values, lengths
