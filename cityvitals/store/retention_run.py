"""Retention by hand: what the aggregator does by itself, but for what only its memory can tell."""

from dataclasses import dataclass, field

from cityvitals.domain.times import iso
from cityvitals.errors import SettingsError
from cityvitals.store.failures import translated
from cityvitals.store.pool import Pool
from cityvitals.store.raw_drop import drop_raw, list_partitions
from cityvitals.store.retention import live_seals, raise_seals, seal_at


@dataclass(slots=True)
class Done:
    """What was done, or would be, in words."""

    lines: list[str] = field(default_factory=list)


async def run_retention(pool: Pool, days: int | None, now_us: int, *, dry_run: bool) -> Done:
    """Raise the seals of live cities, and drop partitions that nobody needs.

    Raises:
        SettingsError: no days are set, so all is kept.
        StoreConflict: others hold what this needs; nothing is lost by trying again.
        StoreUnavailable: the server is away.
    """
    if days is None:
        raise SettingsError(
            "retention.days is not set, so all readings are kept: set CITYVITALS_RETENTION__DAYS"
        )
    done = Done()
    target = seal_at(now_us, days)
    await _raise(pool, target, done, dry_run=dry_run)
    if dry_run:
        await _foretell(pool, done)
    else:
        done.lines += [f"dropped {name}" for name in await drop_raw(pool)]
    if not done.lines:
        done.lines.append("nothing to do")
    return done


async def _raise(pool: Pool, target: int, done: Done, *, dry_run: bool) -> None:
    with translated("raising seals"):
        async with pool.acquire() as connection:
            for city, shard, sealed_us in await live_seals(connection):
                if sealed_us >= target:
                    continue
                if not dry_run:
                    async with connection.transaction():
                        await connection.execute("set local lock_timeout = '10s'")
                        await raise_seals(connection, shard, [city], target)
                verb = "would raise" if dry_run else "raised"
                done.lines.append(f"{verb} the seal of {city} to {iso(target)}")


async def _foretell(pool: Pool, done: Done) -> None:
    with translated("listing what may go"):
        async with pool.acquire() as connection:
            for one in await list_partitions(connection):
                if one.may_go:
                    done.lines.append(f"would drop {one.name}: {one.bytes} bytes")
