"""A town derived by kernels with faults in them: `NUMBA_DISABLE_JIT=1 python -m` this module.

Kernels run as the Python they are written in, so that one of their steps can be another one: a
town anew for each fault. Argument: the database. Prints what `verify` finds, by fault, as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from pydantic import SecretStr

from aggregator import folds
from aggregator.kernels import fold, partial, refold
from aggregator.kernels.windows import fold_windows
from cityvitals.domain.names import Domain, Kind, Stamp
from cityvitals.domain.series import Declaration
from cityvitals.settings import DatabaseSettings
from kpi_rules.load import load_rules
from kpi_rules.model import Rule
from tests.integration import aggregator_town
from tests.integration.aggregator_town import DAY, HOUR, MINUTE, NOON, Row, Station, Town, town
from tests.unit.aggregator.fold_plain import as_compiled, make_plain

STATIONS: Final = {
    "meter": Station(
        "gw-1",
        Domain.ENERGY,
        "electricity_energy",
        Declaration(Kind.COUNTER, reporting_s=1800, unit="kW.h"),
        "north",
    ),
    "noise": Station(
        "gw-2",
        Domain.NOISE,
        "noise_laeq",
        Declaration(Kind.INTERVAL_MEAN, period_s=900, stamp=Stamp.BEGIN, unit="dB"),
        "north",
    ),
    "air": Station(
        "gw-2", Domain.AIR, "pm2_5", Declaration(Kind.GAUGE, reporting_s=600, unit="ug/m3"), "north"
    ),
}
RULE_IDS: Final = frozenset({"energy.electricity.hour", "noise.lden.day", "air.pm2_5.hour"})


def rules() -> tuple[Rule, ...]:
    """What is derived of them."""
    return tuple(rule for rule in load_rules() if rule.id in RULE_IDS)


def _no_reset(before: float, v: float, _modulus: float) -> float:
    return v - before


def _all_covered(part: Any, rise: float, overlap: int, gap: int, _hold: int) -> None:
    part.integral += rise * (overlap / gap)
    part.increase += rise * (overlap / gap)
    part.covered += overlap


def _plain_weight(_code: int, v: float) -> float:
    return v


_is_late: Final = fold._is_late  # noqa: SLF001 - a part of the kernel that is to be another one


def _late_by_buckets(state: Any, begin: int, t: int, counts: bool) -> bool:  # noqa: FBT001
    was_broken = state.broken
    late: bool = _is_late(state, begin, t, counts)
    if late and not was_broken and begin >= state.bucket:
        state.broken = 0
        return False
    return late


def _without_the_last(cells: Any, series: Any, since: Any, until: Any, *more: Any) -> None:
    begins, ends, at, out = more
    fold_windows(as_compiled(cells), series, since, until, begins, ends - 1, at, out)


FAULTS: Final[dict[str, tuple[str, Callable[..., Any]]]] = {
    "a counter's reset is a fall": ("rise_between", _no_reset),
    "a gap counts as covered however long": ("add_rise", _all_covered),
    "levels are averaged as they are": ("weight", _plain_weight),
    "nothing is late within its bucket": ("_is_late", _late_by_buckets),
    "windows lack their last bucket": ("fold_windows", _without_the_last),
}
"""What is another one, wherever kernels use it."""


@contextmanager
def planted(name: str, fault: Callable[..., Any]) -> Iterator[None]:
    """Have kernels do a step otherwise."""
    before = [
        (module, getattr(module, name))
        for module in (partial, fold, refold, folds)
        if hasattr(module, name)
    ]
    assert before, f"no kernel has {name}"
    for module, _ in before:
        setattr(module, name, fault)
    try:
        yield
    finally:
        for module, right in before:
            setattr(module, name, right)


def readings() -> list[list[Row]]:
    """A day of it, with a reset, a gap and what comes late."""
    meter = [Row("meter", n * 20 * MINUTE, 100.0 + n) for n in range(12)]
    meter += [Row("meter", 4 * HOUR + n * 20 * MINUTE, 2.0 + n) for n in range(6)]
    meter += [Row("meter", 9 * HOUR + n * 20 * MINUTE, 30.0 + n) for n in range(6)]
    noise = [Row("noise", n * 15 * MINUTE, 45.0 + n * 7 % 31) for n in range(-52, 44)]
    air = [Row("air", n * 10 * MINUTE, 5.0 + n) for n in range(30)]
    late = [Row("air", HOUR + 5 * MINUTE, 50.0), Row("meter", HOUR + 5 * MINUTE, 103.5)]
    late += [Row("air", 4 * HOUR + 47 * MINUTE, 50.0)]
    return [[*meter, *noise, *air], late]


async def found(where: Town) -> dict[str, Any]:
    """What `verify` finds once all of it is derived, to the end."""
    where.worker, where.now_us = None, NOON + DAY
    await where.found(stations=STATIONS)
    for rows in readings():
        await where.write(rows)
        await where.run()
    await where.settle()
    findings = await where.verify()
    return {"clean": findings.clean, "text": findings.as_text()}


async def _main(dsn: str) -> None:
    async with town(DatabaseSettings(dsn=SecretStr(dsn))) as where:
        where.rules = rules()
        said = {"none": await found(where)}
        for name, (step, fault) in FAULTS.items():
            with planted(step, fault):
                said[name] = await found(where)
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    aggregator_town.STATIONS.update(STATIONS)
    make_plain()
    asyncio.run(_main(sys.argv[1]))
