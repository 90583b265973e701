"""Wrong rule files are named, and the last good revision stays in force."""

from dataclasses import replace

import pytest

from kpi_rules.load import Loaded, Problem, load_all, read_definition, read_file
from kpi_rules.model import Rule
from kpi_rules.rulebook import Rulebook, StoredRule, settle
from tests.unit.kpi_rules.test_load import BANDS, MIXED, changed, one
from tests.unit.kpi_rules.texts import INDEX


def stored(*rules: Rule) -> list[StoredRule]:
    return [StoredRule(rule.id, rule.revision, rule.digest, rule.definition) for rule in rules]


def book(text: str, *before: Rule) -> Rulebook:
    return settle(read_file(text, "test.toml"), stored(*before))


def test_what_is_in_order_is_in_force() -> None:
    found = book(MIXED)
    assert [rule.id for rule in found.rules] == ["test.mixed"]
    assert not found.complaints and not found.refused


def test_a_rule_that_became_wrong_stays_as_it_was() -> None:
    found = book(changed(("a + b", "a + c")), one(MIXED))
    assert found.rules == (one(MIXED),)
    assert found.rules[0].expression == "a + b"
    (complaint,) = found.complaints
    assert complaint.startswith("test.toml:9: rule 'test.mixed': expression: ")
    assert complaint.endswith("(rule test.mixed: revision 3 stays in force)")


def test_a_file_that_is_no_toml_keeps_all_its_rules_as_they_were() -> None:
    found = book(MIXED + "\n[[rule", one(MIXED))
    assert [rule.id for rule in found.rules] == ["test.mixed"]
    assert "test.toml: not TOML" in found.complaints[0]


def test_rules_of_a_file_that_names_none_any_more_stay_as_they_were() -> None:
    problem = Problem("/rules/test.toml", (), "/rules/test.toml: cannot be read", whole=True)
    (kept,) = read_file(MIXED, "/rules/test.toml").rules
    other = read_file(MIXED.replace("test.mixed", "test.other"), "/else/test.toml").rules
    for place in ("/rules/test.toml", "/rules"):
        loaded = Loaded((), (replace(problem, file=place),))
        found = settle(loaded, stored(kept, *other))
        assert found.rules == (kept,)
        assert found.complaints[0].endswith("(rule test.mixed: revision 3 stays in force)")


def test_a_rule_that_never_was_good_is_not_run() -> None:
    found = book(changed(("a + b", "a + c")))
    assert not found.rules
    assert found.complaints[0].endswith("not run: no revision was ever in force)")


def test_a_change_without_a_new_revision_does_not_count() -> None:
    found = book(changed(("a + b", "b + a")), one(MIXED))
    assert [rule.expression for rule in found.rules] == ["a + b"]
    assert (
        "its text was changed but its revision is still 3: raise `revision`"
        in (found.complaints[0])
    )
    raised = changed(("a + b", "b + a"), ("revision = 3", "revision = 4"))
    assert [rule.expression for rule in book(raised, one(MIXED)).rules] == ["b + a"]


def test_the_newest_good_revision_is_the_one_that_stays() -> None:
    second = one(changed(("a + b", "b + a"), ("revision = 3", "revision = 20")))
    found = book(changed(("a + b", "a + c")), second, one(MIXED))
    assert [rule.revision for rule in found.rules] == [20]


def test_without_a_definition_a_wrong_rule_is_not_run() -> None:
    rule = one(MIXED)
    kept = [StoredRule(rule.id, rule.revision, rule.digest, "")]
    found = settle(read_file(changed(("a + b", "a + c")), "test.toml"), kept)
    assert not found.rules
    assert "no definition of it was kept" in found.complaints[0]


def test_a_definition_that_the_language_no_longer_knows_is_named() -> None:
    rule = one(MIXED)
    kept = [StoredRule(rule.id, 3, rule.digest, rule.definition.replace("a + b", "a ^ b"))]
    found = settle(read_file(changed(("a + b", "a + c")), "test.toml"), kept)
    assert not found.rules
    assert "as stored it is wrong: stored: rule 'test.mixed': expression" in found.complaints[0]


def test_one_wrong_rule_does_not_keep_others_of_its_file_from_force() -> None:
    other = MIXED.replace("test.mixed", "test.other")
    found = book(changed(("a + b", "a + c")) + other)
    assert [rule.id for rule in found.rules] == ["test.other"]
    assert len(found.complaints) == 1


def test_only_the_rules_that_are_wanted_are_run() -> None:
    text = MIXED + MIXED.replace("test.mixed", "test.other")
    found = settle(read_file(text, "test.toml"), [], ("test.m*", "air.*"))
    assert [rule.id for rule in found.rules] == ["test.mixed"]
    assert found.complaints == ("aggregator.only: 'air.*' is no rule's id",)


def test_a_wrong_table_is_named_and_so_are_the_rules_that_use_it() -> None:
    found = book(INDEX.replace("[10.1, 20, 51, 100]", "[10.1, 5, 51, 100]"))
    assert not found.rules
    assert len(found.complaints) == 2
    assert found.complaints[0].startswith("test.toml:5: table 'steps': rows")
    assert "the table 'steps' is wrong" in found.complaints[1]


def test_wrong_files_of_any_kind_are_named() -> None:
    loaded = Loaded((one(MIXED),), load_all().problems)
    assert not settle(loaded, []).complaints
    assert "rule: expected a list of tables" in book("rule = 1").complaints[0]
    assert "unknown key" in book("[other]\na = 1").complaints[0]


@pytest.mark.parametrize("rule", load_all().rules, ids=lambda rule: rule.id)
def test_every_shipped_rule_can_be_read_from_its_definition(rule: Rule) -> None:
    again = read_definition(rule.definition)
    assert again.digest == rule.digest
    assert again.definition == rule.definition


def test_bands_and_tables_are_part_of_a_definition() -> None:
    again = read_definition(one(MIXED + BANDS).definition)
    assert [band.name for band in again.bands] == ["low", "high"]
    assert set(read_definition(one(INDEX).definition).tables) == {"steps"}
