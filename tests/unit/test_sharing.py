"""Which tests one worker runs."""

import pytest

from tests.sharing import group_of, rank


@pytest.mark.parametrize(
    ("node_id", "group"),
    [
        ("tests/faults/test_kill.py::test_all[a::b/c]", "tests/faults/test_kill.py"),
        ("tests/acceptance/test_up.py::test_up", "processes"),
        ("tests/conformance/test_log.py::test_log[timescaledb]", "timescaledb"),
        ("tests/unit/wire/test_json.py::test_it", "tests/unit/wire/test_json.py"),
        ("test_alone.py::test_it", "test_alone.py"),
    ],
)
def test_a_suite_of_processes_stays_together_and_others_by_file(node_id: str, group: str) -> None:
    assert group_of(node_id) == group


def test_the_longest_groups_begin_first() -> None:
    suites = ["unit", "integration", "faults", "conformance", "acceptance"]
    ids = [f"tests/{suite}/a.py::b" for suite in suites]
    assert sorted(ids, key=rank) == ids[::-1]
