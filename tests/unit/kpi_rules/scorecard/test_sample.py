"""A city with 91 entries, some live, some reported, some missing, scored as worked out by hand."""

import json
from typing import Final

from kpi_rules.scorecard.checks import findings_of
from kpi_rules.scorecard.present import present_scores
from kpi_rules.scorecard.results import Basis, Period
from kpi_rules.scorecard.tree import Node, Scores, score
from tests.unit.kpi_rules.scorecard.build import CARD, of
from tests.unit.kpi_rules.scorecard.sample import LOSS_BY_RULE, rows, sample

ECONOMY: Final = "Economy"
ENVIRONMENT: Final = "Environment"
SOCIETY: Final = "Society and Culture"
LEARNING: Final = "Education, Health and Culture"
SAFETY: Final = "Safety, Housing and Social Inclusion"

# Points, points that could be had, data points without data, data points without target.
CATEGORIES: Final = {
    (ECONOMY, "ICT", "ICT Infrastructure"): (15, 24, 0, 0),
    (ECONOMY, "ICT", "Water and Sanitation"): (8, 8, 0, 0),
    (ECONOMY, "ICT", "Drainage"): (0, 0, 1, 0),
    (ECONOMY, "ICT", "Electricity Supply"): (5, 12, 0, 0),
    (ECONOMY, "ICT", "Transport"): (8, 8, 0, 1),
    (ECONOMY, "ICT", "Public Sector"): (8, 12, 1, 0),
    (ECONOMY, "Productivity", "Innovation"): (9, 12, 0, 0),
    (ECONOMY, "Productivity", "Employment"): (11, 12, 0, 1),
    (ECONOMY, "Infrastructure", "Water and Sanitation"): (13, 16, 1, 0),
    (ECONOMY, "Infrastructure", "Waste"): (4, 4, 0, 0),
    (ECONOMY, "Infrastructure", "Electricity Supply"): (6, 12, 0, 0),
    (ECONOMY, "Infrastructure", "Transport"): (27, 36, 2, 1),
    (ECONOMY, "Infrastructure", "Buildings"): (7, 8, 0, 0),
    (ECONOMY, "Infrastructure", "Urban Planning"): (11, 16, 1, 1),
    (ENVIRONMENT, "Environment", "Air Quality"): (15, 24, 0, 0),
    (ENVIRONMENT, "Environment", "Water and Sanitation"): (16, 20, 0, 1),
    (ENVIRONMENT, "Environment", "Waste"): (16, 20, 1, 0),
    (ENVIRONMENT, "Environment", "Environmental Quality"): (2, 4, 1, 0),
    (ENVIRONMENT, "Environment", "Public Space and Nature"): (9, 12, 0, 1),
    (ENVIRONMENT, "Energy", "Energy"): (10, 16, 0, 0),
    (SOCIETY, LEARNING, "Education"): (13, 16, 0, 0),
    (SOCIETY, LEARNING, "Health"): (12, 16, 1, 1),
    (SOCIETY, LEARNING, "Culture"): (8, 8, 0, 0),
    (SOCIETY, SAFETY, "Housing"): (7, 8, 0, 0),
    (SOCIETY, SAFETY, "Social Inclusion"): (12, 16, 1, 0),
    (SOCIETY, SAFETY, "Safety"): (19, 28, 1, 1),
    (SOCIETY, SAFETY, "Food Security"): (4, 4, 0, 0),
}
SUB_DIMENSIONS: Final = {
    (ECONOMY, "ICT"): (44, 64, 2, 1),  # 68.75 %
    (ECONOMY, "Productivity"): (20, 24, 0, 1),
    (ECONOMY, "Infrastructure"): (68, 92, 4, 2),
    (ENVIRONMENT, "Environment"): (58, 80, 2, 2),  # 72.5 %
    (ENVIRONMENT, "Energy"): (10, 16, 0, 0),  # 62.5 %
    (SOCIETY, LEARNING): (33, 40, 1, 1),
    (SOCIETY, SAFETY): (42, 56, 2, 1),  # 75 %
}
DIMENSIONS: Final = {
    (ECONOMY,): (132, 180, 6, 4),
    (ENVIRONMENT,): (68, 96, 2, 2),
    (SOCIETY,): (75, 96, 3, 2),
}


def scored() -> Scores:
    return score(CARD, sample())


def sums(nodes: tuple[Node, ...], depth: int) -> dict[tuple[str, ...], tuple[int, int, int, int]]:
    found: dict[tuple[str, ...], tuple[int, int, int, int]] = {}
    for node in nodes:
        tally = node.tally
        if depth:
            deeper = sums(node.children, depth - 1)
            found |= {(node.name, *names): counts for names, counts in deeper.items()}
        else:
            found[node.name,] = (tally.points, tally.possible, tally.no_data, tally.no_target)
    return found


def test_the_sample_has_an_entry_for_each_data_point() -> None:
    assert [f"u4ssc.{row['point']}" for row in rows()] == [point.id for point in CARD.points]
    assert {row["how"] for row in rows()} == {"figures", "final", "year", "running", "none"}


def test_each_data_point_comes_to_what_was_worked_out() -> None:
    scores = scored()
    for row in rows():
        found = of(scores, row["point"])
        assert found.state == row["state"], row["point"]
        if row["value"]:
            assert found.results.chosen is not None
            assert float(found.results.chosen.value) == float(row["value"]), row["point"]
        assert (found.percent is None) == (row["percent"] == "")
        if found.percent is not None:
            assert float(found.percent) == float(row["percent"]), row["point"]
            assert found.band is not None
            assert found.band.points == int(row["points"]), row["point"]


def test_each_aggregate_is_the_sum_that_was_worked_out() -> None:
    dimensions = scored().dimensions
    assert sums(dimensions, 2) == CATEGORIES
    assert sums(dimensions, 1) == SUB_DIMENSIONS
    assert sums(dimensions, 0) == DIMENSIONS


def test_aggregates_in_percent_and_bands() -> None:
    scores = scored()
    economy, environment, society = scores.dimensions
    found = [
        (round(float(node.tally.percent or -1), 2), node.tally.band.name if node.tally.band else "")
        for node in (*environment.children, environment, society.children[1], economy)
    ]
    assert found == [
        (72.5, "66-95%"),
        (62.5, "33-66%"),
        (70.83, "66-95%"),
        (75.0, "66-95%"),
        (73.33, "66-95%"),
    ]
    drainage = next(node for node in economy.children[0].children if node.name == "Drainage")
    assert (drainage.tally.percent, drainage.tally.band) == (None, None)
    assert (scores.tally.points, scores.tally.possible) == (275, 372)
    assert (scores.tally.scored, scores.tally.no_data, scores.tally.no_target) == (93, 11, 8)


def test_live_reported_and_overridden_values_stand_side_by_side() -> None:
    scores = scored()
    loss = of(scores, "ec.i.ws.3c").results
    assert loss.chosen is not None
    assert (loss.chosen.basis, float(loss.chosen.value)) == (Basis.FINAL, 47.2)
    assert (Basis.RULE, LOSS_BY_RULE) in [(one.basis, float(one.value)) for one in loss.others]
    water = of(scores, "en.en.ws.2c").results
    assert water.chosen is not None
    assert water.chosen.period is Period.RUNNING_12_MONTHS
    assert scores.tally.estimates == 1


def test_the_sample_is_shown_whole_and_as_json() -> None:
    scores = scored()
    shown = present_scores("sample", scores, findings_of(scores))
    assert json.loads(json.dumps(shown)) == shown
    assert shown["kpis"] == {"all": 91, "live": 29, "reported": 62, "provisional": 79}
    points = [
        point
        for dimension in shown["dimensions"]
        for sub in dimension["sub_dimensions"]
        for category in sub["categories"]
        for kpi in category["kpis"]
        for point in kpi["data_points"]
    ]
    assert len(points) == 112
    for point in points:
        assert (point["result"] is None) == bool(point["state"] == "no_data")
        assert point["result"] is not None or point["missing"]
    assert [finding["check"] for finding in shown["findings"]] == [
        "smart_meters",
        "sanitation_normal",
        "overridden",
    ]
