"""Kernels mean the same with numba's compiler off."""

import os
import subprocess
import sys


def test_folding_keeps_its_laws_as_plain_python() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.aggregator.fold_plain"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [
        "test_streamed_in_order_equals_refolded",
        "test_arrival_order_does_not_matter",
        "test_what_comes_twice_changes_nothing",
        "test_refolded_equals_the_definition",
    ]


def test_rules_come_to_what_the_interpreter_says_as_plain_python() -> None:
    """The machine's tests with nothing compiled; arithmetic overflows as quietly as compiled."""
    tested = [f"tests/unit/aggregator/test_{name}.py" for name in ("compiler", "levels")]
    options = ["-p", "tests.unit.aggregator.fold_plain", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "ignore::RuntimeWarning", *options, *tested],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and "skipped" not in done.stdout, done.stdout
