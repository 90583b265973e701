"""What tests of scores share: the command, and data points of an answer."""

from typing import Any

from typer.testing import CliRunner

from cityvitals.cli import app


def cityvitals(*words: str) -> str:
    """What a command prints; it must end well."""
    answer = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def points(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Data points of an answer by id."""
    return {
        point["id"]: point
        for dimension in shown["dimensions"]
        for sub in dimension["sub_dimensions"]
        for category in sub["categories"]
        for kpi in category["kpis"]
        for point in kpi["data_points"]
    }
