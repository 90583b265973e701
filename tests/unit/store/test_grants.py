"""No role has a right that no statement of ours asks for."""

import re
from importlib.resources import files

from cityvitals.store.sql import queries
from cityvitals.store.statements import split, without_comments

COPIED = {(table, "insert") for table in ("reading", "rollup", "indicator", "change")}
"""What the driver writes by COPY, so that no SQL of ours says so."""

ROLES = ("cityvitals_writer", "cityvitals_aggregator", "cityvitals_reader")


def used() -> set[tuple[str, str]]:
    """Tables and what named queries do to them."""
    found = set(COPIED)
    for file in (files("cityvitals.store")).iterdir():
        if not file.name.endswith(".sql"):
            continue
        for sql in queries(file.name.removesuffix(".sql")).values():
            words = without_comments(sql).replace('"', "")
            inserted = re.findall(r"insert into (\w+)", words)
            found |= {(table, "insert") for table in inserted}
            if "do update set" in words:
                found |= {(table, "update") for table in inserted}
            found |= {(table, "update") for table in re.findall(r"update (\w+) .*?\bset\b", words)}
            found |= {(table, "delete") for table in re.findall(r"delete from (\w+)", words)}
    return found


def granted() -> set[tuple[str, str]]:
    """Tables and what grants.sql lets somebody do to them, besides reading."""
    found = set()
    for role in ROLES:
        for statement in map(without_comments, split(queries("grants")[role])):
            match = re.match(r"grant ([a-z_, ()]+?) on (?!function|sequence)(.+) to ", statement)
            if match is None:
                continue
            rights = re.findall(r"insert|update|delete", match[1])
            tables = re.findall(r"\w+", match[2])
            found |= {(table, right) for table in tables for right in rights}
    return found


def test_every_right_is_used_by_a_statement() -> None:
    assert len(granted()) > 30
    assert granted() - used() == set()


def test_readers_only_read() -> None:
    reader = queries("grants")["cityvitals_reader"]
    assert not re.search(r"insert|update|delete|execute", reader)
