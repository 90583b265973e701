"""Prometheus' own tool takes the configuration, and raises each alert when it should."""

import re
import subprocess
from pathlib import Path
from shutil import which

import pytest
import yaml

from cityvitals.settings import Settings

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy/prometheus"
TESTS = Path(__file__).with_name("alerts_test.yml")
RULES = yaml.safe_load((SHIPPED / "alerts.yml").read_text())["groups"][0]["rules"]
needs_promtool = pytest.mark.skipif(
    which("promtool") is None, reason="no promtool here: apt-get install prometheus"
)


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)


@needs_promtool
def test_the_configuration_and_its_rules_are_taken() -> None:
    done = promtool("check", "config", "--lint-fatal", SHIPPED / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


@needs_promtool
def test_each_alert_is_raised_when_it_should_be_and_not_before() -> None:
    done = promtool("test", "rules", TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_an_alert_that_is_never_raised_is_noticed(tmp_path: Path) -> None:
    text = (SHIPPED / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(text.replace("alert: City", "alert: NotCity"))
    tests = TESTS.read_text().replace("../../deploy/prometheus/alerts.yml", "alerts.yml")
    (tmp_path / "tests.yml").write_text(tests)
    done = promtool("test", "rules", tmp_path / "tests.yml")
    assert done.returncode == 1
    missed = set(re.findall(r"alertname: (\w+), time", done.stdout + done.stderr))
    assert missed == {rule["alert"] for rule in RULES}


def test_the_page_says_of_each_alert_what_to_do() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    table = re.findall(r"^\| `(CityVitals\w+)` \| (\w+) \|", page, re.MULTILINE)
    assert table == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]


def test_what_is_scraped_is_where_processes_are_by_default() -> None:
    settings = Settings.model_construct()
    config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    scraped = {
        one["labels"]["process"]: one["targets"]
        for one in config["scrape_configs"][0]["static_configs"]
    }
    assert scraped == {
        "ingest": [f"ingest:{settings.ingest.health_port}"],
        "aggregate": [f"aggregate:{settings.aggregator.health_port}"],
        "api": [f"api:{settings.api.health_port}"],
    }
