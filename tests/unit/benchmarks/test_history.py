"""What has become slower is told by ratios within each run, and nothing else is."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.history import Run, read, regressions
from tests.benchmarks.result import CEILINGS, TARGETS, Results, table


def run(length: str = "default", cores: int = 2, **figures: float) -> dict[str, Any]:
    """A run with these figures and ceilings, by name."""
    ceilings = {name: value for name, value in figures.items() if name not in TARGETS}
    return {
        "figures": {name: figures.get(name) for name in TARGETS},
        "ceilings": ceilings,
        "invalid": {},
        "length": length,
        "machine": {"cpu": "a", "cores": cores},
    }


def fold(rate: float, ceiling: float, **more: Any) -> dict[str, Any]:
    return run(fold_readings_per_s=rate, touch_readings_per_s=ceiling, **more)


def test_a_slower_machine_is_no_regression() -> None:
    assert not regressions([fold(100, 400), fold(102, 400)], fold(50, 200))


def test_a_smaller_share_of_the_ceiling_is_one() -> None:
    (told,) = regressions([fold(100, 400), fold(104, 400)], fold(100, 800))
    assert told.startswith("fold_readings_per_s is 2.04 x worse: 0.125 of touch_readings_per_s")


def test_a_figure_that_should_be_small_is_worse_when_it_grows() -> None:
    before = [run(warm_start_s=4, servers_start_s=1)]
    assert not regressions(before, run(warm_start_s=3, servers_start_s=1))
    assert regressions(before, run(warm_start_s=5, servers_start_s=1))


def test_what_lies_within_earlier_runs_is_none() -> None:
    before = [fold(100, 400), fold(60, 400), fold(100, 400)]
    assert not regressions(before, fold(61, 400))
    assert regressions(before, fold(59, 400))


def test_ratios_are_compared_as_they_are_and_the_load_generator_not_at_all() -> None:
    before = [run(paho_ratio=1.4, load_readings_per_s=800_000)]
    (told,) = regressions(before, run(paho_ratio=0.7, load_readings_per_s=100_000))
    assert told.startswith("paho_ratio is 2.00 x worse")


@pytest.mark.parametrize("other", [{"length": "quick"}, {"cores": 8}])
def test_only_runs_of_the_same_kind_are_compared(other: dict[str, Any]) -> None:
    assert not regressions([fold(100, 400, **other)], fold(10, 400))


def test_profiled_and_invalid_runs_do_not_count() -> None:
    profiled = fold(100, 400) | {"profiled": True}
    stopped = fold(100, 400) | {"invalid": {"run": "stopped before its end"}}
    spoilt = fold(100, 400) | {"invalid": {"fold_readings_per_s": "lost readings"}}
    assert not regressions([profiled, stopped, spoilt], fold(10, 400))


def test_a_file_is_read_line_by_line_and_errors_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert read(path) == []
    runs: list[Run] = [fold(1, 2), fold(3, 4)]
    path.write_text("".join(json.dumps(one) + "\n" for one in runs))
    assert read(path) == runs
    path.write_text('{"a": 1}\n{"a"\n')
    with pytest.raises(ValueError, match=r"line 2: not JSON: '\{\"a\"'"):
        read(path)
    path.write_text("3\n")
    with pytest.raises(TypeError, match="line 1: not a JSON object"):
        read(path)


def test_every_figure_has_a_line_with_target_ceiling_and_verdict() -> None:
    results = Results()
    results.put("warm_start_s", [9.0, 3.0, 12.0])
    results.ceilings["servers_start_s"] = 0.5
    results.absent["bytes_per_reading"] = "no node"
    lines = table(results)
    (warm,) = [line for line in lines if line.startswith("warm_start_s")]
    assert warm.split() == ["warm_start_s", "9.00", "<=", "6.00", "0.50", "missed", "(1.50", "x)"]
    assert results.verdict("bytes_per_reading") == "null"
    assert "null: bytes_per_reading: no node" in lines
    assert all(any(line.startswith(name) for line in lines) for name in TARGETS)
    assert CEILINGS.keys() <= TARGETS.keys()
