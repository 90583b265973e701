"""What becomes of the readings that are sent, if every promise is kept."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cityvitals.domain.outcome import Outcome, Reason


@dataclass(slots=True)
class Truth:
    """Counts that the ledger must show; a whole message that cannot be decoded counts as one.

    Holds for a city that had no readings in the plan's stretch of time. What the broker delivers
    again on top (a lost acknowledgement) is a duplicate more, or rejected once more.
    """

    messages: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)

    @property
    def readings(self) -> int:
        """All that is received."""
        return self.outcomes.total()

    def __add__(self, other: "Truth") -> "Truth":
        return Truth(
            self.messages + other.messages,
            self.outcomes + other.outcomes,
            self.reasons + other.reasons,
        )

    def words(self) -> dict[str, Any]:
        """As JSON takes it: every outcome named, and the reasons that there were."""
        return {
            "received": self.readings,
            **{outcome.value: self.outcomes[outcome] for outcome in Outcome},
            "rejected_by_reason": {reason.value: n for reason, n in sorted(self.reasons.items())},
        }
