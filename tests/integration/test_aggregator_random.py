"""Whatever is said in whatever order, and wherever the aggregator dies: verify finds nothing."""

import asyncio
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cityvitals.domain.names import Clock, Flag, Kind, Stamp
from cityvitals.domain.series import Declaration
from cityvitals.errors import StoreUnavailable
from cityvitals.settings import DatabaseSettings
from tests.integration.aggregator_town import (
    GAUGE,
    HOUR,
    HOURLY,
    MINUTE,
    NOON,
    STATIONS,
    Row,
    Town,
    device,
    town,
)


class Write(NamedTuple):
    lane: str
    rows: list[Row]


class Work(NamedTuple):
    """Cycles, the last one broken off before its nth statement, if there is one."""

    cycles: int
    breaks_after: int | None


class Crash(NamedTuple):
    saves: bool


class Declare(NamedTuple):
    """A station says what its readings mean, from a time on."""

    station: str
    declaration: Declaration
    since: int


Step: TypeAlias = Write | Work | Crash | Declare

ROWS = st.builds(
    Row,
    station=st.sampled_from(sorted(STATIONS)),
    after=st.one_of(
        st.integers(0, 30).map(lambda number: number * 10 * MINUTE),
        st.integers(0, 10 * 60).map(lambda number: number * MINUTE + 1),
        st.integers(-3 * 24, 24).map(lambda number: number * HOUR),
    ),
    value=st.sampled_from([0.0, 1.0, 2.5, -3.0, 7.1, 100.0]),
    rev=st.integers(0, 2),
    flags=st.sampled_from([0, 0, 0, 0, int(Flag.FAULT_CODE), int(Flag.UNIT_CHANGED)]),
)
LANES = st.sampled_from(["ingest-0", "ingest-1"])
STEPS = st.one_of(
    st.builds(
        Write, st.sampled_from(["ingest-0", "ingest-1"]), st.lists(ROWS, min_size=1, max_size=8)
    ),
    st.builds(
        Write, st.sampled_from(["ingest-0", "ingest-1"]), st.lists(ROWS, min_size=1, max_size=30)
    ),
    st.builds(Work, st.integers(1, 3), st.one_of(st.none(), st.integers(0, 25))),
    st.builds(Crash, st.booleans()),
    st.builds(
        Declare,
        st.just("e"),
        st.sampled_from(
            [
                Declaration(Kind.COUNTER, reporting_s=1800),
                Declaration(Kind.COUNTER, reporting_s=7200, modulus=50.0),
                Declaration(Kind.EVENT, reporting_s=3600),
                Declaration(Kind.INTERVAL_TOTAL, period_s=1800, stamp=Stamp.BEGIN),
            ]
        ),
        st.integers(-24, 30).map(lambda number: number * 10 * MINUTE),
    ),
    st.builds(
        Declare,
        st.sampled_from("abc"),
        st.sampled_from(
            [
                GAUGE,
                HOURLY,
                Declaration(Kind.GAUGE, reporting_s=60),
                Declaration(Kind.STATE, reporting_s=1200),
                Declaration(Kind.COUNTER, reporting_s=600),
                Declaration(Kind.EVENT, reporting_s=1200),
                Declaration(Kind.GAUGE, reporting_s=5400),
                Declaration(Kind.INTERVAL_MEAN, period_s=1200, stamp=Stamp.BEGIN),
            ]
        ),
        st.integers(-24, 30).map(lambda number: number * 10 * MINUTE),
    ),
)


async def take(step: Step, where: Town) -> None:
    match step:
        case Write(lane, rows):
            await where.write(rows, lane)
        case Work(cycles, breaks_after):
            for _ in range(cycles - 1):
                await where.cycle()
            with suppress(StoreUnavailable):
                await where.cycle(breaks_after)
        case Crash(saves):
            if saves:
                await where.save()
            where.worker = None
        case Declare(station, declaration, since):
            await where.say(device(station, declaration=declaration, since_us=NOON + since))
    where.now_us += MINUTE


@settings(
    max_examples=40,
    # Shrinking takes minutes: pass the seed that a failure prints, and Phase.shrink, to do it.
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(STEPS, min_size=1, max_size=14),
    clock=st.sampled_from(list(Clock)),
    at_once=st.sampled_from([1, 4, 100_000]),
)
def test_it_comes_to_what_the_readings_say(
    database: DatabaseSettings, steps: list[Step], clock: Clock, at_once: int
) -> None:
    async def main() -> None:
        async with town(database, clock=clock, cycle_readings=at_once) as where:
            for step in steps:
                await take(step, where)
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())
