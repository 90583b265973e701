"""What verify found: counts by kind, and differences a person can read."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

SHOWN: Final = 20
"""Differences kept of each kind; the rest are counted."""


class Difference(NamedTuple):
    """One thing that is not as it should be.

    Attributes:
        kind: what was checked: "rollup", "indicator", "ledger" …
        key: which one.
        field: what about it; "missing" and "superfluous" where the whole row is meant.
        stored: what the database says. recomputed: what it should say.
    """

    kind: str
    key: str
    field: str
    stored: Any
    recomputed: Any

    @property
    def relative(self) -> float | None:
        """How far apart two numbers are, relative to the larger; None where they are no numbers."""
        pair = (self.stored, self.recomputed)
        if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in pair):
            return None
        largest = max(abs(one) for one in pair)
        if not math.isfinite(largest):
            return None
        return abs(pair[0] - pair[1]) / largest if largest else 0.0

    def line(self) -> str:
        """For people."""
        apart = "" if self.relative is None else f" (relative {self.relative:.3g})"
        return (
            f"{self.kind} {self.key}: {self.field}: "
            f"stored {self.stored}, recomputed {self.recomputed}{apart}"
        )


@dataclass(slots=True)
class Tally:
    """Counts of one kind.

    Attributes:
        checked: compared with what they should be.
        different: of those, or missing, or too many.
        open: not settled yet, so not there or not checked.
        sealed: below the seal, where readings are gone.
    """

    checked: int = 0
    different: int = 0
    open: int = 0
    sealed: int = 0

    @property
    def equal(self) -> int:
        """Checked and found right."""
        return max(self.checked - self.different, 0)


@dataclass(slots=True)
class Findings:
    """All that was found. Bounded: SHOWN differences of each kind."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _shown: dict[str, int] = field(default_factory=dict)

    def tally(self, kind: str) -> Tally:
        """The counts of a kind."""
        return self.tallies.setdefault(kind, Tally())

    def differ(self, found: Difference) -> None:
        """Take one more difference's text; `Tally.different` counts rows and is kept apart."""
        if self._shown.get(found.kind, 0) < SHOWN:
            self._shown[found.kind] = self._shown.get(found.kind, 0) + 1
            self.differences.append(found)

    def check(self, kind: str, key: str, field: str, stored: Any, expected: Any) -> None:
        """Check one thing against what it should be."""
        tally = self.tally(kind)
        tally.checked += 1
        if stored != expected:
            tally.different += 1
            self.differ(Difference(kind, key, field, stored, expected))

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not any(tally.different for tally in self.tallies.values())

    def as_text(self) -> str:
        """A table, then the differences."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        heads = ("", "checked", "equal", "different", "open", "sealed")
        yield "{:<18}{:>12}{:>12}{:>12}{:>10}{:>10}".format(*heads)
        for kind, one in self.tallies.items():
            yield (
                f"{kind:<18}{one.checked:>12}{one.equal:>12}{one.different:>12}"
                f"{one.open:>10}{one.sealed:>10}"
            )
        yield from (f"note: {note}" for note in self.notes)
        yield from (found.line() for found in self.differences)
        for kind, one in self.tallies.items():
            if one.different > self._shown.get(kind, 0):
                yield f"{kind}: {one.different} differ, the first {self._shown.get(kind, 0)} shown"
        yield "clean" if self.clean else "DIFFERENT"

    def as_json(self) -> str:
        """The same for programs."""
        return json.dumps(
            {
                "clean": self.clean,
                "tallies": {
                    kind: {
                        "checked": one.checked,
                        "equal": one.equal,
                        "different": one.different,
                        "open": one.open,
                        "sealed": one.sealed,
                    }
                    for kind, one in self.tallies.items()
                },
                "notes": self.notes,
                "differences": [
                    {name: _plain(value) for name, value in found._asdict().items()}
                    | {"relative": found.relative}
                    for found in self.differences
                ],
            },
            default=str,
        )


def _plain(value: Any) -> Any:
    """JSON has no infinities."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
