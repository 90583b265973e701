"""`cityvitals rules`, as a user types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cityvitals.cli import app
from cityvitals.errors import CityVitalsError
from tests.unit.kpi_rules.test_load import MIXED, changed


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["rules", *words], catch_exceptions=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(MIXED)
    return tmp_path


def test_all_rules_are_listed_and_those_not_run_say_why(folder: Path) -> None:
    said = run("list", "--rules", str(folder)).output
    assert "test.mixed  r3  kW.h  A test\n" in said
    assert "air.us_aqi.pm2_5.day  r1  1  US AQI of PM2.5, of the day" in said
    assert "air.pm2_5.day" not in run("list", "--domain", "water").output
    listed = json.loads(run("list", "--domain", "traffic", "--json").stdout)
    assert {each["domain"] for each in listed} == {"traffic"}
    assert all("not_run" in each for each in listed)


def test_a_rule_is_shown(folder: Path) -> None:
    said = run("show", "test.mixed", "--rules", str(folder)).output
    assert "value      a + b  [kW.h]" in said
    assert "input      a: total of `electricity_energy`, in `kW.h`" in said
    assert json.loads(run("show", "air.eaqi.hour", "--json").stdout)["id"] == "air.eaqi.hour"


def test_a_rule_that_is_not_there_is_named() -> None:
    result = run("show", "air.nothing")
    assert isinstance(result.exception, CityVitalsError)
    assert "there is no rule 'air.nothing'" in str(result.exception)


def test_shipped_rules_are_in_order() -> None:
    result = run("check")
    assert (result.exit_code, result.output.endswith(" rules are in order\n")) == (0, True)


def test_what_is_wrong_in_a_file_is_said_with_its_line(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.toml", tmp_path / "good.toml"
    bad.write_text(changed(("a + b", "a + c")) + MIXED.replace("test.mixed", "test.other"))
    good.write_text(MIXED)
    result = run("check", str(good), str(bad))
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith(f"{bad}:9: rule 'test.mixed': expression: expected names of inputs")
    assert run("check", str(good)).output == "1 rules are in order\n"
    assert "cannot be read" in run("check", str(tmp_path / "none.toml")).output


def test_a_wrong_rule_of_the_folder_is_said(folder: Path) -> None:
    (folder / "mine.toml").write_text(changed(("a + b", "a + c")))
    result = run("check", "--rules", str(folder))
    assert (result.exit_code, "mine.toml:9" in result.output) == (1, True)
    assert "mine.toml:9" in str(run("show", "test.mixed", "--rules", str(folder)).exception)


def test_a_rule_is_tried_on_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pm.csv"
    rows = [f"2026-01-05T{hour:02d}:00Z,35.9" for hour in range(24)]
    path.write_text("\n".join(["time,pm2_5", *rows, "2026-01-06T00:00Z,10"]) + "\n")
    said = run("try", "air.us_aqi.pm2_5.day", "--csv", str(path)).output.splitlines()
    assert said[0] == "2026-01-05T00:00:00Z  102  Unhealthy for Sensitive Groups"
    assert said[1].startswith("2026-01-06T00:00:00Z  insufficient: pm2_5: 4% of the window")
    first = run("try", "air.us_aqi.pm2_5.day", "--csv", str(path), "--json").stdout.splitlines()[0]
    assert json.loads(first)["value"] == 102.0


def test_wrong_options_are_named(tmp_path: Path) -> None:
    path = str(tmp_path / "pm.csv")
    zone = run("try", "air.pm2_5.day", "--csv", path, "--time-zone", "Mars/Base")
    assert (zone.exit_code, "is no time zone" in zone.output) == (2, True)
    fact = run("try", "air.pm2_5.day", "--csv", path, "--fact", "population")
    assert (fact.exit_code, "expected name=number" in fact.output) == (2, True)
