"""Latest indicators in the Prometheus text format. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from api.latest import Snapshot
from kpi_rules.alerts.model import Severity

_GAUGES: Final = {
    "value": ("cityvitals_indicator", "Newest value of an indicator, in its unit."),
    "coverage": (
        "cityvitals_indicator_coverage",
        "Covered share of an indicator's newest window, 0 to 1.",
    ),
    "window_end": (
        "cityvitals_indicator_window_end_seconds",
        "When an indicator's newest window ends, seconds since 1970.",
    ),
}


class _Shown(msgspec.Struct):
    rule: str
    zone: str | None
    unit: str
    state: str
    value: float | None
    coverage: float
    window_end: Any


_decode = msgspec.json.Decoder(_Shown).decode


def expose(snapshots: Mapping[str, Snapshot]) -> bytes:
    """The latest indicators of cities; one without a value has none here, but its coverage.

    And how many alerts last, by severity.

    The zone "" is the city itself. The state is no label: a change of it would begin a new series.
    """
    found = [(city, _decode(item.body)) for city, one in snapshots.items() for item in one.items]
    return "".join([*_lines(found), *_alert_lines(snapshots)]).encode()


def _alert_lines(snapshots: Mapping[str, Snapshot]) -> Iterator[str]:
    name = "cityvitals_alerts_active"
    yield f"# HELP {name} Alerts that last, by severity.\n# TYPE {name} gauge\n"
    for city, one in snapshots.items():
        active = [alert.severity for alert in one.alerts if alert.state == "active"]
        for severity in Severity:
            yield f'{name}{{city="{city}",severity="{severity}"}} {active.count(severity)}\n'


def _lines(found: Iterable[tuple[str, _Shown]]) -> Iterator[str]:
    for field, (name, says) in _GAUGES.items():
        yield f"# HELP {name} {says}\n# TYPE {name} gauge\n"
        for city, shown in found:
            number = getattr(shown, field)
            if number is None:
                continue
            number = _seconds(number) if field == "window_end" else number
            yield (
                f'{name}{{city="{city}",zone="{shown.zone or ""}",rule="{shown.rule}",'
                f'unit="{_escaped(shown.unit)}"}} {number!r}\n'
            )


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
