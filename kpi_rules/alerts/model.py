"""What an alert rule says: frozen, checked by `kpi_rules.alerts.load`."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from kpi_rules.model import Standard


class Side(StrEnum):
    """On which side of its threshold a value calls for an alert."""

    ABOVE = "above"
    BELOW = "below"


class Severity(StrEnum):
    """How much an alert asks for, rising."""

    NOTICE = "notice"
    """Worth knowing: a guideline level is not met."""
    WARNING = "warning"
    """Somebody must be told: an information threshold."""
    CRITICAL = "critical"
    """Somebody must act: an alert threshold."""


class Zones(StrEnum):
    """Words for places; an alert rule may also list zones by id."""

    ALL = "all"
    """The city as a whole, and each of its zones."""
    CITY = "city"
    """The city as a whole."""
    EACH = "each"
    """Each zone, and not the city as a whole."""


CITY: Final = ""
"""The zone that stands for the city as a whole."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When values of one indicator are an alert, place by place.

    An alert is raised when `windows` consecutive windows lie beyond `threshold`, and cleared when
    `clear_windows` consecutive ones do not lie beyond `clear`. Only windows that are final count;
    one without a value interrupts either, and so neither raises nor clears.

    Attributes:
        revision: what the file says; a change of anything needs another one.
        rule: id of the rule whose indicator is watched.
        unit: of threshold and clear: the rule's.
        clear: on the near side of the threshold, or equal to it.
        zones: a word, or ids; '' among them is the city as a whole.
        cities: ids; empty for all.
        standard: where the threshold stands; None for one's own.
        source: what was taken from where, and what differs.
        file: where it stands.
    """

    id: str
    revision: int
    title: str
    rule: str
    unit: str
    side: Side
    threshold: float
    clear: float
    windows: int
    clear_windows: int
    severity: Severity
    zones: Zones | tuple[str, ...]
    cities: tuple[str, ...]
    standard: Standard | None
    source: str
    file: str

    def is_beyond(self, value: float) -> bool:
        """Whether a value calls for an alert: on the threshold it does not."""
        return value > self.threshold if self.side is Side.ABOVE else value < self.threshold

    def is_clear(self, value: float) -> bool:
        """Whether a value lets an alert end."""
        return value <= self.clear if self.side is Side.ABOVE else value >= self.clear

    def is_worse(self, value: float, other: float) -> bool:
        """Whether a value lies further out than another."""
        return value > other if self.side is Side.ABOVE else value < other

    def watches(self, city: str, zone: str) -> bool:
        """Whether a place is watched."""
        if self.cities and city not in self.cities:
            return False
        match self.zones:
            case Zones.ALL:
                return True
            case Zones.CITY:
                return zone == CITY
            case Zones.EACH:
                return zone != CITY
            case listed:
                return zone in listed

    def body(self) -> dict[str, Any]:
        """All that it says, ready for JSON; the file is where, not what."""
        found = asdict(self)
        del found["file"]
        zones = self.zones if isinstance(self.zones, Zones) else list(self.zones)
        return found | {"zones": zones, "cities": list(self.cities)}

    @property
    def digest(self) -> str:
        """SHA-256 over the body in one canonical spelling, in hexadecimal."""
        text = json.dumps(self.body(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
