"""Comparing facts: whatever is missing, changed or added is named, and nothing else is."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from cityvitals.store.drift import Drift, Fact, as_text, compare, expected, parse

FACTS = expected()
TABLES = [fact for fact in FACTS if fact.kind == "table"]
PARTS = [fact for fact in FACTS if fact.kind != "table"]
OTHERS = st.builds(
    Fact,
    st.just("reports"),
    st.sampled_from(["table", "column", "index"]),
    st.text("ab"),
    st.just("x"),
)


def without(*gone: Fact) -> list[Fact]:
    return [fact for fact in FACTS if fact not in gone]


def test_facts_survive_being_written() -> None:
    assert list(parse(as_text(FACTS))) == list(FACTS) == sorted(FACTS)


@given(st.lists(OTHERS, max_size=5))
def test_the_same_is_no_drift_whatever_others_have(others: list[Fact]) -> None:
    assert compare(FACTS, [*FACTS, *others]) == []


@given(st.sets(st.sampled_from(PARTS), max_size=4))
def test_each_missing_part_is_named_once(gone: set[Fact]) -> None:
    found = compare(FACTS, without(*gone))
    assert sorted(drift.what for drift in found) == sorted(f"{fact} is missing" for fact in gone)
    assert all(drift.breaks and drift.remedy for drift in found)


@given(st.sampled_from(TABLES))
def test_of_a_missing_table_the_parts_are_not_told(table: Fact) -> None:
    gone = [fact for fact in FACTS if fact.owner == table.owner]
    assert [drift.what for drift in compare(FACTS, without(*gone))] == [f"{table} is missing"]


@given(st.sampled_from(FACTS), st.sampled_from(["text", "unlogged", "CHECK (true)"]))
def test_each_changed_one_is_told_with_both_definitions(fact: Fact, now: str) -> None:
    assume(fact.definition != now)
    (found,) = compare(FACTS, [*without(fact), replace(fact, definition=now)])
    assert str(fact) in found.what and f"`{now}`" in found.what
    assert f"`{fact.definition}`" in found.what and found.breaks


@given(st.sampled_from(TABLES), st.sampled_from(["column", "constraint", "trigger", "rule"]))
def test_each_added_one_breaks(table: Fact, kind: str) -> None:
    (found,) = compare(FACTS, [*FACTS, Fact(table.owner, kind, "mine", "text")])
    assert found.breaks and f"{kind} {table.owner}.mine is not ours" in str(found)


def test_an_added_index_breaks_where_it_is_unique() -> None:
    def found(definition: str) -> Drift:
        (one,) = compare(FACTS, [*FACTS, Fact("reading", "index", "mine", definition)])
        return one

    assert not found("btree (value)").breaks
    assert found("unique btree (value)").breaks
    assert found("btree (value)").remedy == "remove it with `drop index mine`"


def test_names_that_are_words_of_sql_are_quoted_in_remedies() -> None:
    (gone,) = compare(FACTS, without(*[one for one in FACTS if one.name == "limit_pkey"]))
    assert 'alter table "limit" add constraint limit_pkey PRIMARY KEY' in gone.remedy
