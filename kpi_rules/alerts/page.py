"""The alert rules as a section of docs/catalogue.md."""

from collections.abc import Iterable, Iterator

from kpi_rules.alerts.model import AlertRule


def alert_section(alerts: Iterable[AlertRule]) -> Iterator[str]:
    """Lines of Markdown; none where there are no alert rules."""
    ordered = sorted(alerts, key=lambda one: one.id)
    if not ordered:
        return
    yield "\n## Alert rules\n"
    yield "[alerts.md](alerts.md) says what they mean, and how a city writes its own.\n"
    yield "| alert rule | raised when | severity | standard |"
    yield "|---|---|---|---|"
    for one in ordered:
        yield f"| `{one.id}` | {_when(one)} | {one.severity} | {_standard(one)} |"


def _when(one: AlertRule) -> str:
    windows = f"{one.windows} consecutive windows of " if one.windows > 1 else ""
    return f"{windows}`{one.rule}` {one.side} {one.threshold:g} `{one.unit}`"


def _standard(one: AlertRule) -> str:
    if one.standard is None:
        return "own"
    return f"{one.standard.document}, {one.standard.clause}"
