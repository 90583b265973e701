"""Reckoning of what was measured side by side, and its drawing."""

import xml.etree.ElementTree as ET

from tests.benchmarks.peers.chart import drawn
from tests.benchmarks.peers.found import Found, ratios, table
from tests.benchmarks.peers.trial import Damage


def some() -> Found:
    """Three rounds of storing, of which one of a peer did not count; one fault."""
    found = Found(what={"cityvitals": "ours", "row": "a peer"})
    found.stored = {"cityvitals": [100.0, 50.0, 80.0], "row": [10.0, 10.0, float("nan")]}
    found.folded = {"cityvitals": [8.0], "pandas": [1.0]}
    found.damage = {
        "kill -9": {
            "cityvitals": [Damage(1000, 0, 0, 1.5), Damage(1000, 0, 0, 2.5)],
            "row": [Damage(500, 100, 0, None), Damage(500, 0, 20, 3.0)],
        }
    }
    found.invalid["speed, row"] = "it ended"
    return found


def test_ratios_are_within_a_round() -> None:
    assert ratios(some().stored, "row") == [0.1, 0.15000000000000002, 0.2]
    assert ratios({"row": [1.0]}, "row") == []


def test_the_table_adds_up_repeats_and_names_what_did_not_count() -> None:
    lines = [line.split() for line in table(some())]
    assert ["row", "10", "0.150", "(0.100", "to", "0.200)"] in lines
    assert ["cityvitals", "2,000", "0", "0", "2.0"] in lines
    assert ["row", "1,000", "100", "20", "never", "all"] in lines
    assert lines[-1] == ["invalid:", "speed,", "row:", "it", "ended"]


def test_the_drawing_has_a_panel_for_each_and_a_bar_for_everybody() -> None:
    root = ET.fromstring(drawn(some()))  # noqa: S314 (of our own making)
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}g")) == 3
    widths = [float(bar.attrib["width"]) for bar in root.iterfind(f"{space}g/{space}rect")]
    assert len(widths) == 6
    assert widths[1] / widths[0] == 0.15
    texts = [text.text for text in root.iter(f"{space}text")]
    assert "100 lost, 20 doubled" in texts
