"""What is said anew of one rule's windows: columns. Pure.

A cycle says a hundred thousand things of the same kind, so no object is made for one of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.derive import Derived
from aggregator.facts import Used
from aggregator.forms import Forms
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from aggregator.sheet import Circumstances
from aggregator.told import Bools, Objects
from cityvitals.store import fields


@dataclass(frozen=True, slots=True, eq=False)
class Saying:
    """Some windows and groups of a rule, of which something is said anew [c].

    Attributes:
        found: what was derived.
        around: what holds beside it.
        w, g: which window and which group each is; windows ascend.
        content: CONTENT. reason: why there is no value, or ''.
        closed, was_closed: whether it is final from now on, and was before.
        revision: the number of what is said.
        number: of the first change; the others follow.
        used: the facts that are used [w, g]; None of a rule that uses none.
        stations: the series that took part.
        forms: the texts that all of the rule's rows share.
    """

    plan: RulePlan
    found: Derived
    around: Circumstances
    w: Ints
    g: Ints
    content: NDArray[Any]
    reason: Objects
    closed: Bools
    was_closed: Bools
    revision: Ints
    number: int
    used: Used | None
    stations: "Stations"
    forms: Forms

    def __len__(self) -> int:
        return len(self.w)


@dataclass(frozen=True, slots=True)
class Stations:
    """Ids of series, as INT4 fields [i], and which of them belong to each row [c]."""

    ids: NDArray[Any]
    first: Ints
    last: Ints

    @property
    def counts(self) -> Ints:
        """How many each row has."""
        return self.last - self.first


def stations_of(plan: RulePlan, took: Bools, ids: NDArray[np.int32], w: Ints, g: Ints) -> Stations:
    """The series that took part in some windows and groups, each once, in natural-key order.

    Args:
        plan: the rule in its city.
        took: which of the contributing series did [w, u].
        ids: series ids by row of the shard.
        w: windows [c].
        g: groups [c].
    """
    who = plan.contributing
    upto = np.zeros((len(took), len(who.rows) + 1), np.int64)
    np.cumsum(took, axis=1, out=upto[:, 1:])
    before = np.cumsum(upto[:, -1]) - upto[:, -1]
    _, at = np.nonzero(took)
    mine = fields.fixed_fields(fields.INT4, ids[who.rows[at]])
    first = before[w] + upto[w, who.offsets[g]]
    return Stations(mine, first, before[w] + upto[w, who.offsets[g + 1]])
