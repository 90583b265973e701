"""A twin's table against what the service says, from its database or its API."""

from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
import numpy as np
import pandas as pd

from tests.twins.table import KEY

_RELATIVE = 1e-9
_SHOWN = 20

_NEWEST = """
select distinct on (rule, zone, window_begin)
       rule, zone, window_begin as begin, value, coverage, closed
from indicator where city = $1
order by rule, zone, window_begin, revision desc
"""


async def stored(dsn: str, city: str) -> pd.DataFrame:
    """The newest revision of every window of a city, from the database."""
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetch(_NEWEST, city)
    finally:
        await connection.close()
    return _table([dict(row) for row in found])


def of_items(items: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The same table from the `items` of the API's history, revisions in any order."""
    newest: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for item in items:
        key = (item["rule"], item["zone"] or "", item["window_begin"])
        if key not in newest or newest[key].get("revision", 0) <= item.get("revision", 0):
            newest[key] = item
    return _table(
        {
            "rule": rule,
            "zone": zone,
            "begin": pd.Timestamp(begin),
            "value": item["value"],
            "coverage": item["coverage"],
            "closed": item["state"] != "provisional",
        }
        for (rule, zone, begin), item in newest.items()
    )


def _table(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(list(records), columns=[*KEY, "value", "coverage", "closed"])
    frame["begin"] = pd.to_datetime(frame["begin"], utc=True)
    frame["value"] = frame["value"].astype(float)
    return frame.set_index(KEY).sort_index()


def differences(expected: pd.DataFrame, found: pd.DataFrame) -> str:
    """Everything in which two tables differ, for people; '' where they agree.

    Same windows, same nulls, values equal to 1e-9 and coverage to 1e-9, and no window left open.
    """
    twin, said = set(expected.index), set(found.index)
    lines = [*_list("no row for", twin - said), *_list("a row too many for", said - twin)]
    both = expected.index.intersection(found.index)
    left, right = expected.loc[both], found.loc[both]
    for column in ("value", "coverage"):
        a, b = left[column].to_numpy(float), right[column].to_numpy(float)
        same = np.isclose(a, b, rtol=_RELATIVE, atol=0, equal_nan=True)
        wrong = [
            f"{key}: {column} {y!r}, the twin has {x!r}" for key, x, y in _where(both, a, b, same)
        ]
        lines += _list("", wrong)
    lines += _list("still open:", both[~right["closed"].to_numpy(bool)])
    return "\n".join(lines)


def _where(keys: Any, a: Any, b: Any, same: Any) -> list[tuple[Any, float, float]]:
    return [(keys[i], float(a[i]), float(b[i])) for i in np.flatnonzero(~same)]


def _list(what: str, keys: Iterable[Any]) -> list[str]:
    found = sorted(map(str, keys))
    shown = [f"{what} {key}".strip() for key in found[:_SHOWN]]
    return shown if len(found) <= _SHOWN else [*shown, f"... {len(found) - _SHOWN} more"]
