"""What was measured side by side: rates, what was lost and doubled, and what did not count."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from tests.benchmarks.peers.contenders import OURS
from tests.benchmarks.peers.trial import Damage


@dataclass(slots=True)
class Found:
    """Filled round by round; who takes part in a round stands at the same place in each list.

    Attributes:
        stored: readings a second by contender and round; nan where a round does not count.
        damage: by fault and contender, of each repeat.
        folded: readings a second by program and round; beside them how they were asked.
    """

    what: dict[str, str] = field(default_factory=dict)
    stored: dict[str, list[float]] = field(default_factory=dict)
    damage: dict[str, dict[str, list[Damage]]] = field(default_factory=dict)
    folded: dict[str, list[float]] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it, and the ratios."""
        return {
            **asdict(self),
            "stored_to_ours": {name: ratios(self.stored, name) for name in self.stored},
            "folded_to_ours": {name: ratios(self.folded, name) for name in self.folded},
        }


def ratios(rates: dict[str, list[float]], name: str) -> list[float]:
    """Least, median and most of a contender's rate by ours of the same round."""
    pairs = zip(rates[name], rates.get(OURS, []), strict=False)
    found = sorted(one / ours for one, ours in pairs if one > 0 and ours > 0)
    return [found[0], median(found), found[-1]] if found else []


def table(found: Found) -> list[str]:
    """Everything as lines of text."""
    lines = []
    for title, rates in (("stored", found.stored), ("folded", found.folded)):
        if rates:
            lines += [f"{title + ', readings/s':<26}{'median':>14}{'by ours, least to most':>34}"]
            lines += [_rate(rates, name) for name in rates]
    for fault, contenders in found.damage.items():
        lines += [f"{fault:<26}{'sent':>12}{'lost':>12}{'doubled':>12}{'back after, s':>16}"]
        lines += [_damage(name, repeats) for name, repeats in contenders.items()]
    return lines + [f"invalid: {name}: {why}" for name, why in found.invalid.items()]


def _rate(rates: dict[str, list[float]], name: str) -> str:
    counted = [one for one in rates[name] if one > 0]
    middle = f"{median(counted):,.0f}" if counted else "-"
    spread = ratios(rates, name)
    told = f"{spread[1]:.3f} ({spread[0]:.3f} to {spread[2]:.3f})" if spread else "-"
    return f"{name:<26}{middle:>14}{told:>34}"


def _damage(name: str, repeats: list[Damage]) -> str:
    sent, lost, doubled = (
        sum(getattr(one, what) for one in repeats) for what in ("sent", "lost", "doubled")
    )
    back = [one.seconds for one in repeats if one.seconds is not None]
    told = f"{median(back):.1f}" if len(back) == len(repeats) else "never all"
    return f"{name:<26}{sent:>12,}{lost:>12,}{doubled:>12,}{told:>16}"
