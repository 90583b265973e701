"""The laws of folding with kernels as plain Python: `NUMBA_DISABLE_JIT=1 python -m` this module.

`pytest -p` this module runs other tests so.

What is compiled and what is written are the same program, as far as these examples see.
"""

import os
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator import buckets, folds, refolding, sealing, sources
from tests.unit.aggregator import test_fold

_EXAMPLES = 40


class Fields:
    """One record by attributes, as the compiler reads it and plain numpy does not."""

    def __init__(self, record: Any) -> None:
        object.__setattr__(self, "_record", record)

    def __getattr__(self, name: str) -> Any:
        return self._record[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._record[name] = value


class Rows:
    """Records, each by its attributes."""

    def __init__(self, records: Any) -> None:
        self._records = records
        self.shape = records.shape

    def __getitem__(self, at: Any) -> Any:
        return as_compiled(self._records[at])


def as_compiled(value: Any) -> Any:
    """An argument as kernels want it."""
    if isinstance(value, np.void):
        return Fields(value)
    return Rows(value) if isinstance(value, np.ndarray) and value.dtype.names else value


def _plainly(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: kernel(*map(as_compiled, arguments))


def make_plain() -> None:
    """Have all that folds give kernels their records by attributes, since nothing is compiled."""
    if os.environ.get("NUMBA_DISABLE_JIT") != "1":
        sys.exit("NUMBA_DISABLE_JIT is not set")
    for module, names in (
        (buckets, ("fold_stream", "put_cells", "snapshot", "snapshot_size")),
        (refolding, ("fold_ranges", "restore")),
        (sources, ("put_cells", "snapshot", "snapshot_size")),
        (sealing, ("snapshot", "snapshot_size")),
        (folds, ("fold_windows",)),
    ):
        for name in names:
            setattr(module, name, _plainly(getattr(module, name)))


def pytest_configure() -> None:
    """As a plugin of pytest's: whatever is tested is tested with plain kernels."""
    make_plain()


def main() -> None:
    make_plain()
    few = settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    for name, law in vars(test_fold).items():
        if not name.startswith("test_"):
            continue
        if not hasattr(law, "hypothesis"):
            law()
            continue
        inner = law.hypothesis.inner_test
        drawn = {"case": test_fold.cases(), "data": st.data()}
        wanted = {key: drawn[key] for key in inner.__annotations__ if key in drawn}
        # A function of its own, since the original carries its settings.
        plain = FunctionType(inner.__code__, inner.__globals__, name)
        few(given(**wanted)(plain))()
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
