"""How far the data of a rule's windows lies beside them. Pure."""

from dataclasses import dataclass

from cityvitals.domain.times import BUCKET_US
from cityvitals.domain.window import longest_us, overlap_us
from kpi_rules.model import Input, Rule
from kpi_rules.words import BelongsTo


@dataclass(frozen=True, slots=True)
class Reach:
    """What bounds the buckets that a window [begin, end) takes, in microseconds.

    Attributes:
        back: none lies before begin - back.
        ahead: none lies at or after end + ahead.
        lead: a window is of interest from begin + lead on: running windows overlap, and the newest
            one is that in whose last step we are.
        length: no window is longer.
    """

    back: int
    ahead: int
    lead: int
    length: int

    @property
    def whole(self) -> int:
        """No window's buckets lie further apart than this."""
        return self.back + self.length + self.ahead


def reach_of(rule: Rule) -> Reach:
    """The reach of a rule's windows."""
    length, step = str(rule.window.length), str(rule.window.step or "")
    return Reach(
        back=max((_back(rule, one) for one in rule.inputs), default=0),
        ahead=max((_ahead(one) for one in rule.inputs), default=0),
        lead=overlap_us(length, step),
        length=longest_us(length),
    )


def _back(rule: Rule, one: Input) -> int:
    """Its own longer window ends with the rule's; levels may begin before what they belong to."""
    own = (
        longest_us(str(one.length)) - BUCKET_US
        if one.length not in {None, rule.window.length}
        else 0
    )
    return own + sum(
        overlap_us(str(level.length), str(level.step or ""))
        for level in one.levels
        if level.belongs_to is BelongsTo.END
    )


def _ahead(one: Input) -> int:
    return sum(
        overlap_us(str(level.length), str(level.step or ""))
        for level in one.levels
        if level.belongs_to is BelongsTo.BEGIN
    )
