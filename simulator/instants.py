"""When a row was observed, as a mapping says: by its own columns, or by counting rows."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cityvitals.domain.times import US
from simulator.local_time import NoSuchTime, Stamp, Wall, read_stamp
from simulator.mapping import Mapping, Midnight, RepeatedHour

_MIDNIGHT: Final = time(0, 0)
_DAY: Final = timedelta(days=1)


class BadRow(Exception):
    """A row, or the header, is not what the mapping says; the caller adds file and line."""


class Instants:
    """The instants of a file's rows, station by station (`""` where rows are of all stations)."""

    def __init__(self, mapping: Mapping, header: Sequence[str]) -> None:
        form = mapping.time
        self._zone = ZoneInfo(form.time_zone or mapping.city.time_zone)
        self._pattern = form.format
        self._is_once = form.repeated_hour is RepeatedHour.FIRST
        self._next_day = form.midnight is Midnight.NEXT_DAY
        for column in form.columns:
            if column not in header:
                raise BadRow(f"no column {column!r}, which the mapping's time.columns names")
        self._positions = [header.index(column) for column in form.columns]
        self._start_us, self._step_us = 0, 0
        if form.start is not None:
            local = datetime.fromisoformat(form.start)
            self._start_us = self._resolved(local, form.start).first_us
            self._step_us = round((form.step_s or 0) * US)
        self._rows: defaultdict[str, int] = defaultdict(int)
        self._walls: defaultdict[str, Wall] = defaultdict(Wall)
        # Stations share stamps, and strptime is slow: one entry per distinct stamp of the file.
        self._stamps: dict[str, Stamp] = {}

    def read(self, row: Sequence[str], station: str) -> int:
        """Microseconds since 1970 UTC of a station's next row.

        Raises:
            BadRow: the time cannot be read, or does not exist.
        """
        if not self._positions:
            return self.step(station)
        text = " ".join([row[position] for position in self._positions])
        stamp = self._stamps.get(text)
        if stamp is None:
            stamp = self._stamps[text] = self._read(text)
        return stamp.first_us if self._is_once else self._walls[station].instant(stamp)

    def step(self, station: str) -> int:
        """The instant of a station's next row in a file without a clock."""
        count = self._rows[station]
        self._rows[station] = count + 1
        return self._start_us + count * self._step_us

    def _read(self, text: str) -> Stamp:
        try:
            local = datetime.strptime(text, self._pattern)  # noqa: DTZ007 - zone comes next
        except ValueError as error:
            raise BadRow(f"time: {error}") from None
        if self._next_day and local.time() == _MIDNIGHT:
            local += _DAY
        return self._resolved(local, text)

    def _resolved(self, local: datetime, text: str) -> Stamp:
        try:
            return read_stamp(local, self._zone)
        except NoSuchTime as error:
            raise BadRow(f"time {text!r}: {error}") from None
