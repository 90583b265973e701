"""`registry apply` and `show`, and `rules diff`, as typed, against a real PostgreSQL."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cityvitals.cli import app
from cityvitals.errors import CityVitalsError, NotFound
from cityvitals.settings import DatabaseSettings

DOC = Path(__file__).parents[2] / "docs" / "facts.md"
TOWN = """
[city]
id = "town"
time_zone = "Europe/Rome"
[[zone]]
id = "north"
population = 18000
"""


def cityvitals(*words: str) -> str:
    answer = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.fixture
def folder(database: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A town in the database; beside its registry the CSV of the documentation."""
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", database.dsn.get_secret_value())
    (tmp_path / "town.toml").write_text(TOWN)
    (tmp_path / "facts.csv").write_text(DOC.read_text().split("```csv\n")[1].split("```")[0])
    cityvitals("registry", "apply", str(tmp_path / "town.toml"))
    return tmp_path


def test_what_the_documentation_says(folder: Path) -> None:
    assert cityvitals("registry", "show", "town") == (
        "population · north · 18000 {inhabitant} · ever since · unknown · town.toml\n"
    )
    csv = str(folder / "facts.csv")
    assert cityvitals("registry", "apply", csv, "--city", "town").strip() == (
        "city town: 5 facts: 4 changes"  # there was nothing to withdraw
    )
    assert cityvitals("registry", "apply", csv).strip() == "city town: 5 facts: nothing new"
    shown = cityvitals("registry", "show", "town", "--at", "2026-01-01").splitlines()
    register = "from 2025-12-31T23:00:00Z · measured · Register, January 2026"
    mains = "from 2025-06-30T22:00:00Z · measured · GIS of the waterworks"
    assert shown == [
        "households · (city) · 28000 1 · ever since · surveyed · Mobility survey 2024",
        f"mains_length · (city) · 412500 m · {mains}",
        f"population · (city) · 60000 {{inhabitant}} · {register}",
        f"population · north · 19000 {{inhabitant}} · {register}",
    ]
    before = cityvitals("registry", "show", "town", "--at", "2025-12-31", "--json").splitlines()
    assert {json.loads(line)["value"] for line in before} == {28000, 412500, 18000}
    (folder / "again.csv").write_text(
        "name,value,unit,source,quality,zone\npopulation,withdrawn,,,,north\n"
    )
    cityvitals("registry", "apply", str(folder / "again.csv"))
    assert cityvitals("registry", "show", "town", "--all").count("withdrawn") == 1


def test_what_cannot_be_applied_is_said(folder: Path) -> None:
    (folder / "facts.csv").write_text(
        "name,value,unit,source,quality\npopulation,5,m,register,measured\n"
    )
    with pytest.raises(
        CityVitalsError,
        match=r"facts\.csv:2: column unit: 'm' does not fit population, which rule .* uses in",
    ):
        cityvitals("registry", "apply", str(folder / "facts.csv"))
    with pytest.raises(NotFound, match="there is no city 'ghost'"):
        cityvitals("registry", "show", "ghost")
    for words in (
        ["registry", "apply", str(folder / "town.toml"), "--city", "town"],
        ["registry", "show", "town", "--at", "yesterday"],
        ["registry", "show", "town", "--at", "2026-01-01T10:00"],
        ["rules", "diff", str(folder), "--since", "2026-01-01T10:00"],
        ["rules", "diff", str(folder), "--until", "soon"],
    ):
        assert CliRunner().invoke(app, words).exit_code == 2


def test_rules_that_nobody_has_derived_yet_change_nothing(folder: Path) -> None:
    path = Path(__file__).parents[2] / "kpi_rules" / "energy.toml"
    said = cityvitals("rules", "diff", str(path), "--city", "town", "--since", "2026-01-01")
    assert said == "nothing stored would change\n"
    assert cityvitals("rules", "diff", str(path), "--json") == "\n"
    assert (folder / "town.toml").exists()
