"""Targets as they are sent: read and checked by what also reads files. Pure."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.sent_facts import MOST, entries_of
from cityvitals.store.target_format import Judge, Target, read_target


class SentTarget(BaseModel):
    """A target of a data point: `start` is the value that counts as 0 %.

    `valid_from` is a date, which begins at midnight in the city, or a time with its offset; left
    out, it holds ever since. `value` "withdrawn" takes back what was stated of that date.
    """

    model_config = ConfigDict(extra="forbid")
    point: str
    value: float | Literal["withdrawn"]
    start: float | None = None
    unit: str = ""
    source: str = ""
    valid_from: str | None = None


class StatedTargets(BaseModel):
    """Targets to be stated together."""

    model_config = ConfigDict(extra="forbid")
    items: list[SentTarget] = Field(min_length=1, max_length=MOST)


def read_sent_targets(sent: Any, time_zone: str, judge: Judge) -> list[Target]:
    """The targets of a body.

    Args:
        sent: the decoded JSON.
        time_zone: of the city, in which dates begin.
        judge: what is wrong with a target.

    Raises:
        BadRegistry: naming item and key, and what was expected.
    """
    found: dict[tuple[str, int], int] = {}
    targets = []
    for number, entry in enumerate(entries_of(sent, "targets")):
        target = read_target(entry, time_zone, judge)
        before = found.setdefault((target.point, target.valid_from_us), number)
        if before != number:
            raise entry.fail("point", f"the same target stands in items[{before}] already")
        targets.append(target)
    return targets
