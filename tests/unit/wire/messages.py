"""What tests of payload formats share."""

import math
from collections.abc import Callable

from cityvitals.domain.times import EARLIEST_US, LATEST_US, US
from cityvitals.errors import MalformedPayload
from cityvitals.wire.pack import Pack, Reading

COLUMNS = ("t_us", "q", "v", "u", "rev", "seq", "ch")


def readings_of(pack: Pack) -> list[Reading]:
    """The good readings of a pack."""
    devices = pack.device or [""] * len(pack.index)
    columns = zip(*(getattr(pack, name) for name in COLUMNS), devices, strict=True)
    return [Reading(*column) for column in columns]


def reasons_of(pack: Pack) -> list[tuple[int, str]]:
    """Index and reason of each bad reading."""
    return [(bad.index, str(bad.reason)) for bad in pack.bad]


def check_total(decode: Callable[[bytes], Pack], payload: bytes) -> Pack | None:
    """Decoding gives a sound pack, or None where it raises MalformedPayload."""
    try:
        pack = decode(payload)
    except MalformedPayload as error:
        _check_detail(error.detail)
        return None
    assert {len(getattr(pack, name)) for name in COLUMNS} == {len(pack.index)}
    assert not pack.device or len(pack.device) == len(pack.index)
    assert pack.relative == sorted(set(pack.relative))
    assert all(0 <= row < len(pack.index) for row in pack.relative)
    assert all(EARLIEST_US <= t <= LATEST_US + US for t in pack.t_us)
    assert all(map(math.isfinite, pack.v))
    for bad in pack.bad:
        _check_detail(bad.detail)
    places = pack.index + [bad.index for bad in pack.bad]
    assert sorted(places) == list(range(len(places)))
    return pack


def _check_detail(detail: str) -> None:
    assert detail.isascii() and len(detail) < 400
