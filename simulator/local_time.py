"""Local wall-clock stamps to instants, through a zone's clock changes. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cityvitals.domain.times import to_us

_DAY: Final = timedelta(days=1)


class NoSuchTime(ValueError):
    """A local time that the clocks skipped."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A wall-clock time with the instants it can mean.

    Attributes:
        local: as written, without a zone.
        first_us: the only instant, or the earlier of the two.
        second_us: the later one of a repeated hour; else equal to `first_us`.
    """

    local: datetime
    first_us: int
    second_us: int

    @property
    def is_repeated(self) -> bool:
        """Whether the clocks showed this time twice."""
        return self.first_us != self.second_us


def read_stamp(local: datetime, zone: ZoneInfo) -> Stamp:
    """The instants that a local time can mean; one with an offset of its own means that one.

    Raises:
        NoSuchTime: the clocks skipped it.
    """
    if local.tzinfo is not None:
        us = to_us(local)
        return Stamp(local.astimezone(UTC).replace(tzinfo=None), us, us)
    aware = local.replace(tzinfo=zone, fold=0)
    first_us, second_us = to_us(aware), to_us(aware.replace(fold=1))
    # In a gap fold 0 takes the offset from before it, which gives the *later* instant.
    if first_us > second_us:
        raise NoSuchTime(f"{local} does not exist in {zone.key}: the clocks skipped it")
    return Stamp(local, first_us, second_us)


class Wall:
    """One station's clock: tells the two passes through a repeated hour apart by row order.

    The second pass begins where a repeated time does not advance on the row before. Rows around a
    clock change must therefore stand in order of time.
    """

    def __init__(self) -> None:
        self._before: Stamp | None = None
        self._second = False

    def instant(self, stamp: Stamp) -> int:
        """The instant of the station's next row, microseconds since 1970 UTC."""
        if not stamp.is_repeated:
            self._before, self._second = None, False
            return stamp.first_us
        before = self._before
        if before is None or abs(stamp.local - before.local) > _DAY:
            self._second = False
        else:
            self._second = self._second or stamp.local <= before.local
        self._before = stamp
        return stamp.second_us if self._second else stamp.first_us
