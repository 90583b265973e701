"""The runner, and the reference cases that stand in the repository."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from kpi_rules.load import load_rules
from tests.reference.__main__ import main
from tests.reference.judge import Verdict, judge
from tests.reference.mapping import Mappings, load

FILE: Final = Path(__file__).parents[1] / "data" / "reference_cases.json"
CASES: Final[list[dict[str, Any]]] = json.loads(FILE.read_text("utf-8"))
RULES: Final = {rule.id: rule for rule in load_rules()}
UNCOVERED: Final = {
    "Open-Meteo continuous EAQI (not EEA official)": "no official index",
    "NSF WQI": "its curves are drawings that nobody has put into numbers officially",
}
"""Standards of the file that no rule covers, and why."""


def case(**changes: Any) -> dict[str, Any]:
    found = {
        "id": "made_up",
        "standard": "US EPA AQI (May 2024)",
        "quantity": "PM2.5_24h",
        "inputs": {"conc": 35.9, "unit": "ug/m3"},
        "expected": {"aqi": 102},
        "tolerance": {"aqi": 0},
    }
    return found | changes


@pytest.mark.parametrize("one", CASES, ids=[one["id"] for one in CASES])
def test_a_case_comes_out_by_interpreter_and_compiled_expression(one: dict[str, Any]) -> None:
    found = judge(one, load(), RULES)
    if one["standard"] in UNCOVERED:
        assert found.verdict is Verdict.UNCOVERED
    else:
        assert found == (Verdict.PASS, "")


@pytest.mark.parametrize(
    ("changes", "verdict", "why"),
    [
        ({"expected": {"aqi": 101}}, Verdict.FAIL, "aqi: 102.0 by the interpreter, expected 101"),
        ({"expected": {"aqi": 101}, "tolerance": {"aqi": 1}}, Verdict.PASS, ""),
        ({"expected": {"aqi": None}}, Verdict.FAIL, "102.0 by the compiled expression"),
        ({"inputs": {"conc": None}, "expected": {"aqi": None}}, Verdict.PASS, ""),
        ({"standard": "Martian AQI"}, Verdict.UNCOVERED, "no mapping"),
        ({"quantity": "Rn_24h"}, Verdict.UNCOVERED, "none of the inputs"),
        ({"expected": {"aqi": 102, "mood": 1}}, Verdict.UNCOVERED, "nothing gives mood"),
        ({"inputs": {"dose": 35.9}}, Verdict.UNCOVERED, "none of the inputs"),
        ({"inputs": {"conc": 35.9, "unit": "kWh"}}, Verdict.UNCOVERED, "kWh is not convertible"),
        ({"inputs": {"conc": "high"}}, Verdict.UNCOVERED, "'high' is no number"),
        ({"inputs": {"conc": 0.0359, "unit": "mg/m3"}}, Verdict.PASS, ""),
        ({"quantity": "PM2.5_24h tie"}, Verdict.PASS, ""),
    ],
)
def test_a_verdict_is_what_the_case_deserves(
    changes: dict[str, Any], verdict: Verdict, why: str
) -> None:
    found = judge(case(**changes), load(), RULES)
    assert found.verdict is verdict, found.why
    assert why in found.why


def test_quantities_that_the_file_lacks_are_judged_too() -> None:
    """More cases of the same standards are kept aside."""
    unseen = [
        ("EEA European AQI, 2024/25 bands", "NO2 1h ug/m3", {"conc": 61}, {"band": 4}),
        ("EEA European AQI, bands before 2024", "O3 1h ug/m3", {"conc": 120}, {"band": 3}),
        ("UK DAQI (2013)", "SO2", {"conc_ugm3": 267}, {"index": 4}),
        ("India NAQI (CPCB 2014)", "CO mg/m3", {"conc": 1.5}, {"index": 73}),
        ("China HJ 633-2012", "SO2_24h", {"conc_ugm3": 100}, {"iaqi": 75}),
        ("CAQI hourly (CITEAIR II)", "SO2 1h ug/m3", {"conc": 75}, {"index": 37.5}),
        ("US EPA AQI (2012)", "PM2.5_24h", {"conc": 12.0, "unit": "ug/m3"}, {"aqi": 50}),
        ("US EPA AQI (May 2024)", "SO2_1h", {"conc": 0.05, "unit": "ppm"}, {"aqi": 69}),
    ]
    for standard, quantity, inputs, expected in unseen:
        one = case(standard=standard, quantity=quantity, inputs=inputs, expected=expected)
        assert judge(one | {"tolerance": {}}, load(), RULES) == (Verdict.PASS, ""), one
    limits = [
        ("2008/50/EC", "PM10", "day", 36, True),
        ("Directive (EU) 2024/2881 Annex I table 1", "CO", "MDA8", 1, True),
        ("Directive (EU) 2024/2881 Annex I table 1", "O3", "MDA8", 18, False),
    ]
    for standard, gas, span, count, breach in limits:
        inputs = {"pollutant": gas, "averaging": span, "exceedances": count}
        one = case(standard=standard, quantity="limit value breached", inputs=inputs)
        assert judge(one | {"expected": {"breach": breach}}, load(), RULES) == (Verdict.PASS, ""), (
            one
        )


def test_words_of_other_cases_are_found_by_the_names_of_the_rule() -> None:
    epa, daqi = "US EPA AQI (May 2024)", "UK DAQI (2013)"
    unseen = [
        (epa, "O3 8h and 1h", {"O3_8h_ppm": 0.06, "O3_1h_ppb": 130}, {"aqi": 107}),
        (epa, "SO2 both", {"so2_1h": 900, "so2_24h": 100}, {"aqi": 200}),
        (epa, "overall", {"PM2.5": 35.9, "no2_ppb": 250, "co": 8.4}, {"aqi": 129}),
        (epa, "overall", {"concs": {"PM2.5": 35.9, "PM10": None}}, {"aqi": 102}),
        (daqi, "overall", {"PM2.5_ugm3": 36, "O3": 241}, {"index": 10}),
        ("EEA European AQI, 2024/25 bands", "worst", {"NO2": 61, "O3": 20}, {"band": 4}),
        ("India NAQI (CPCB 2014)", "AQI", {"PM10": 78, "NO2": 60}, {"index": None}),
        ("India NAQI (CPCB 2014)", "AQI", {"PM10": 78, "NO2": 60, "SO2": 200}, {"index": 140}),
    ]
    for standard, quantity, inputs, expected in unseen:
        one = case(standard=standard, quantity=quantity, inputs=inputs, expected=expected)
        assert judge(one | {"tolerance": {}}, load(), RULES) == (Verdict.PASS, ""), one


def test_the_mapping_goes_by_the_first_entry_that_fits() -> None:
    text = """
        [names]
        X = "pm2_5"
        [[map]]
        standard = "S"
        quantity = "(?P<gas>X)"
        rule = "air.{gas}.no_such_rule"
        given = { "{gas}" = "v" }
        expected = { r = "value" }
        [[map]]
        standard = "S"
        rule = "air.pm2_5.hour"
        given = { pm2_5 = "v" }
        expected = { r = "value" }
    """
    one = {"standard": "S", "quantity": "X", "inputs": {"v": 3}, "expected": {"r": 3}}
    assert judge(one, Mappings(text), RULES).verdict is Verdict.PASS


def test_the_runner_prints_verdicts_and_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([case(), case(id="other", standard="Martian AQI")]))
    assert main([str(path)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "pass      made_up"
    assert out[1] == "uncovered other: no mapping to a rule fits"
    assert out[-1] == "   1 pass     0 fail     1 uncovered  all"
    path.write_text(json.dumps([case(expected={"aqi": 1})]))
    assert main([str(path)]) == 1
    path.write_text("no json")
    assert main([str(path)]) == main([]) == main([str(tmp_path / "none")]) == 2
