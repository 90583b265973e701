"""Bars of what was measured side by side, as SVG."""

from collections.abc import Mapping
from typing import Final

from tests.benchmarks.peers.found import Found, ratios
from tests.benchmarks.svg import svg

_WIDTH: Final = 330
_LEFT: Final = 100
_RIGHT: Final = 70
_TOP: Final = 40
_ROW: Final = 24
_BAR: Final = 14

Bars = Mapping[str, tuple[float, str]]
"""By name: how long, and what stands beside it."""


def drawn(found: Found) -> str:
    """A panel each for rates of storing and folding by ours, and for rows lost and doubled."""
    panels = {
        "readings stored, by ours": _rates(found.stored),
        "readings folded, by ours": _rates(found.folded),
    }
    for fault, damage in found.damage.items():
        shares: dict[str, tuple[float, str]] = {}
        for name, repeats in damage.items():
            sent = sum(one.sent for one in repeats)
            lost, doubled = sum(one.lost for one in repeats), sum(one.doubled for one in repeats)
            parts = {"lost": lost, "doubled": doubled}
            told = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
            shares[name] = (lost + doubled) / sent, told or "0"
        panels[f"lost or doubled: {fault}"] = shares
    rows = max(len(bars) for bars in panels.values())
    height = _TOP + rows * _ROW + 10
    return svg([_panel(title, bars) for title, bars in panels.items() if bars], _WIDTH, height)


def _rates(rates: dict[str, list[float]]) -> Bars:
    spreads = {name: ratios(rates, name) for name in rates}
    return {name: (one[1], f"{one[1]:.2g}") for name, one in spreads.items() if one}


def _panel(title: str, bars: Bars) -> str:
    most = max(length for length, _ in bars.values()) or 1.0
    room = _WIDTH - _LEFT - _RIGHT
    lines = [f'<text x="10" y="{_TOP - 18}" font-weight="bold">{title}</text>\n']
    for number, (name, (length, told)) in enumerate(bars.items()):
        top, wide = _TOP + number * _ROW, room * length / most
        # What does not fit beside a long bar stands upon it.
        at, colour = (_LEFT + wide + 4, "#000000")
        if wide > room / 2 and len(told) > 8:
            at, colour = _LEFT + 4, "#ffffff"
        lines.append(
            f'<text x="{_LEFT - 6}" y="{top + 11}" text-anchor="end">{name}</text>\n'
            f'<rect x="{_LEFT}" y="{top}" width="{wide:.1f}" height="{_BAR}" fill="#1b4f8a"/>\n'
            f'<text x="{at:.1f}" y="{top + 11}" fill="{colour}">{told}</text>\n'
        )
    lines.append(
        f'<path d="M{_LEFT},{_TOP - 6} V{_TOP + len(bars) * _ROW - 4}" stroke="#888888"/>\n'
    )
    return "".join(lines)
