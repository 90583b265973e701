"""The COPY layouts of the tables that take part in bulk traffic."""

from typing import Final

from cityvitals.domain.arrays import READING, ROLLUP
from cityvitals.store.copy import Column, Layout

READINGS: Final = Layout(
    "reading",
    READING,
    [
        Column("observed_at", "timestamptz", "t"),
        Column("lag_ms", "int8", "received", after="t"),
        Column("value", "float8", "v"),
        Column("rev", "int8", "rev"),
        Column("series_id", "int4", "series"),
        Column("flags", "int4", "flags"),
    ],
)

ROLLUPS: Final = Layout(
    "rollup",
    ROLLUP,
    [
        Column("bucket_begin", "timestamptz", "bucket"),
        Column("series_id", "int4", "series"),
        Column("count", "int4", "count"),
        Column("flagged", "int4", "flagged"),
        Column("sum", "float8", "sum"),
        Column("sumsq", "float8", "sumsq"),
        Column("min", "float8", "min"),
        Column("max", "float8", "max"),
        Column("first_t", "int8", "first_t"),
        Column("first_v", "float8", "first_v"),
        Column("last_t", "int8", "last_t"),
        Column("last_v", "float8", "last_v"),
        Column("integral", "float8", "integral"),
        Column("increase", "float8", "increase"),
        Column("covered", "int8", "covered"),
        Column("repeated", "int4", "repeated"),
        Column("stepped", "int4", "stepped"),
        Column("estimated", "int4", "estimated"),
    ],
)

CELLS: Final = Layout(
    "rollup",
    ROLLUP,
    [
        Column("bucket_begin", "timestamptz", "bucket"),
        Column("series_id", "int4", "series"),
        Column("count", "int4", "count"),
        Column("flagged", "int4", "flagged"),
        Column("integral", "float8", "integral"),
        Column("covered", "int8", "covered"),
    ],
)
"""What windows need of rollups."""
