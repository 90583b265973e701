import pytest

from ingest import refusals
from ingest.refusals import Refusals


def test_a_refusal_is_remembered_for_a_minute() -> None:
    now = [0.0]
    found = Refusals[str](lambda: now[0])
    found.add("a", "why")
    assert (found.find("a"), found.find("b")) == ("why", "")
    now[0] = 60
    assert found.find("a") == ""
    found.add("a", "again")
    found.clear()
    assert found.find("a") == ""


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_MOST", 2)
    found = Refusals[int](lambda: 0.0)
    for number in range(3):
        found.add(number, "why")
        found.tidy()
    assert found.find(2) == ""
