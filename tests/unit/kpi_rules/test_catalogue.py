"""docs/catalogue.md is what the rules say today."""

import re
from pathlib import Path

from typer.testing import CliRunner

from cityvitals.cli import app
from kpi_rules.absent import ABSENT
from kpi_rules.alerts.load import load_alerts
from kpi_rules.catalogue import catalogue
from kpi_rules.load import load_rules
from kpi_rules.scorecard.load import load_scorecard

PAGE = Path(__file__).parents[3] / "docs" / "catalogue.md"


def test_the_page_is_current() -> None:
    rules = load_rules()
    current = catalogue(rules, load_scorecard(), load_alerts(None, rules).alerts)
    assert PAGE.read_text("utf-8") == current, (
        "run `cityvitals rules catalogue --output docs/catalogue.md`"
    )


def test_every_rule_stands_there_with_its_standard_source_and_grade() -> None:
    page = catalogue(load_rules(), load_scorecard())
    for rule in load_rules():
        _, _, entry = page.partition(f"### {rule.id}\n")
        entry = entry.partition("\n###")[0]
        assert rule.title in entry
        assert f"(`{rule.verified}`)" in entry
        assert " ".join(rule.expression.split()) in entry
        assert rule.standard is None or rule.standard.document in entry


def test_every_kpi_stands_there_with_formula_source_and_grade() -> None:
    page = catalogue(load_rules(), load_scorecard())
    for kpi in load_scorecard().kpis:
        entry = page.partition(f"- **{kpi.code} {kpi.title}** (")[2].partition("\n- **")[0]
        assert kpi.formula in entry
        assert f"{kpi.source} (`{kpi.evidence}`)" in entry
        assert ("**provisional**" in entry) == kpi.is_provisional
        assert all(f"`{point.id}`" in entry for point in kpi.points)


def test_live_reported_and_provisional_kpis_are_counted_at_the_top() -> None:
    top = catalogue(load_rules(), load_scorecard()).partition("\n## ")[0]
    assert "91 KPIs with 112 data points" in top
    assert re.search(r"\*\*29 live\*\* \(9 by rules; 20 from figures", top)
    assert "**62 reported**; **79 provisional**" in top


def test_what_has_no_rule_stands_there_with_its_reason() -> None:
    page = catalogue(load_rules(), load_scorecard())
    section = page.partition("\n## Without a rule, and why\n")[2].partition("\n## ")[0]
    assert len(re.findall(r"^- .+: .+\.$", section, re.MULTILINE)) == len(ABSENT)
    assert "SO2 in ten minutes" in section
    known = {rule.id for rule in load_rules()}
    named = re.findall(r"`([a-z0-9_.*]+)`", section)
    assert named and set(named) <= known


def test_the_counts_at_the_top_add_up() -> None:
    rules = load_rules()
    page = catalogue(rules, load_scorecard())
    counts = [int(line.split("|")[2]) for line in page.splitlines() if line.startswith("| `")]
    assert sum(counts) == len(rules)
    assert f"{len(rules)} rules: " in page


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    done = CliRunner().invoke(app, ["rules", "catalogue", "--output", str(path)])
    assert done.exit_code == 0
    rules = load_rules()
    page = catalogue(rules, load_scorecard(), load_alerts(None, rules).alerts)
    assert path.read_text("utf-8") == page
    assert CliRunner().invoke(app, ["rules", "catalogue"]).stdout == path.read_text("utf-8")
