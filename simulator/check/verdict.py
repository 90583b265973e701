"""What a check found, and how it is said."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

SHOWN: Final = 20
"""Differences of a kind that are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be.

    Attributes:
        kind: "ledger", "reading", "rollup" or "indicator".
        where: which one.
        what: what of it.
        found: as the service has it. expected: as it must be.
    """

    kind: str
    where: str
    what: str
    found: Any
    expected: Any

    def __str__(self) -> str:
        """The difference in one line."""
        found, expected = _shown(self.found), _shown(self.expected)
        return f"{self.kind} {self.where}: {self.what}: {found}, expected {expected}"


@dataclass(slots=True)
class Verdict:
    """What was compared of a city, and what is different."""

    city: str
    checked: Counter[str] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing is different."""
        return not self.different

    def differ(self, kind: str, where: str, what: str, found: Any, expected: Any) -> None:
        """Note a difference."""
        self.different[kind] += 1
        if self.different[kind] <= SHOWN:
            self.differences.append(Difference(kind, where, what, found, expected))

    def words(self) -> dict[str, Any]:
        """The verdict as JSON takes it."""
        return {
            "city": self.city,
            "good": self.is_good,
            "checked": dict(self.checked),
            "open": dict(self.open),
            "different": dict(self.different),
            "differences": [str(one) for one in self.differences],
            "notes": self.notes,
        }

    def told(self) -> str:
        """The verdict as lines for people."""
        word = "as sent" if self.is_good else "NOT AS SENT"
        lines = [f"{self.city}: {word}"]
        for kind, count in self.checked.items():
            line = f"  {kind}: {count:,} checked"
            if self.open[kind]:
                line += f", {self.open[kind]:,} not closed yet"
            lines.append(f"{line}, {self.different[kind]:,} different")
        lines += [f"  {one}" for one in self.differences]
        lines += [
            f"  … and {self.different[kind] - SHOWN:,} more of {kind}"
            for kind in self.different
            if self.different[kind] > SHOWN
        ]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value}"
