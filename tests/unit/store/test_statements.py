"""SQL text, split into its statements."""

from hypothesis import given
from hypothesis import strategies as st

from cityvitals.store.statements import split, without_comments

PARTS = [
    "select 1",
    "select 'a;b''c'",
    'select ";" from "a;""b"',
    "do $$ begin null; end $$",
    "do $x$ begin execute $y$ select 1; $y$; end $x$",
    "-- why; not\nselect 2",
    "/* a; b */ select 3",
    "select 4 -- at the end; too",
    "select 5 / 2 - 1",
    "select '$$;$$'",
]


@given(st.lists(st.sampled_from(PARTS), max_size=8))
def test_statements_joined_are_split_again(parts: list[str]) -> None:
    assert split("\n;\n".join(parts)) == [part.strip() for part in parts]


def test_what_says_nothing_is_no_statement() -> None:
    assert split(" ;; -- only words\n; /* ; */ ;") == []


def test_comments_and_layout_do_not_count() -> None:
    assert (
        without_comments("-- a\nALTER  TABLE\n t /* b */ ADD x text;")
        == "alter table t add x text;"
    )
