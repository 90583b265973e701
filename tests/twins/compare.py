"""A twin's table against what the service says, from its database or its API.

Of what is stored, rules that the twin has are compared; `untwinned` names the others.
"""

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
    found = _of_rules(found, rules_of(expected))
    twin, said = set(expected.index), set(found.index)
    must = set(expected.index[expected["needed"].to_numpy(bool)])
    lines = [*_list("no row for", must - said), *_list("a row too many for", said - twin)]
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


def rules_of(table: pd.DataFrame) -> set[str]:
    """The rules that a table has rows of."""
    return set(table.index.get_level_values("rule"))


def untwinned(expected: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    """Rules with rows in what is stored that nobody computes here."""
    return sorted(rules_of(found) - rules_of(expected))


def _of_rules(table: pd.DataFrame, rules: set[str]) -> pd.DataFrame:
    return table[table.index.get_level_values("rule").isin(rules)]


def summary(expected: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """By rule: zones, windows that both have, those with a value, greatest relative difference."""
    both = expected.index.intersection(found.index)
    frame = both.to_frame(index=False)
    twin, said = expected.loc[both, "value"].to_numpy(), found.loc[both, "value"].to_numpy()
    frame["valued"] = ~np.isnan(twin)
    # A difference from 0 is not relative to anything; one of 1 is then as wrong as can be.
    scale = np.where(twin == 0, 1.0, np.abs(twin))
    frame["difference"] = np.abs(said - twin) / scale
    # A null on one side alone is a difference of everything.
    frame.loc[np.isnan(twin) != np.isnan(said), "difference"] = np.inf
    grouped = frame.groupby("rule")
    return pd.DataFrame(
        {
            "zones": grouped["zone"].nunique(),
            "windows": grouped.size(),
            "valued": grouped["valued"].sum(),
            "difference": grouped["difference"].max().fillna(0.0),
        }
    )


def _where(keys: Any, a: Any, b: Any, same: Any) -> list[tuple[Any, float, float]]:
    return [(keys[i], float(a[i]), float(b[i])) for i in np.flatnonzero(~same)]


def _list(what: str, keys: Iterable[Any]) -> list[str]:
    found = sorted(map(str, keys))
    shown = [f"{what} {key}".strip() for key in found[:_SHOWN]]
    return shown if len(found) <= _SHOWN else [*shown, f"... {len(found) - _SHOWN} more"]
