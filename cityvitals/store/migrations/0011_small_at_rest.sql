-- Readings and rollups take less room at rest (docs/adr/0012). All changes are of the catalogue alone,
-- whatever the tables hold.

-- TimescaleDB picks the compression of a column by its type: double precision is XORed with the value
-- before, which decimal fractions defeat; any other type gets a dictionary, and sensors say few
-- different values a day. A domain without constraints is another type and costs nothing else.
create domain measured as double precision;
-- long lock: none, since a domain without constraints is its base type to PostgreSQL: nothing is rewritten
alter table reading alter column value type measured;
-- long lock: none, for the same reason: a test looks at the files
alter table rollup
    alter column sum type measured,
    alter column sumsq type measured,
    alter column min type measured,
    alter column max type measured,
    alter column first_v type measured,
    alter column last_v type measured,
    alter column integral type measured,
    alter column increase type measured;

-- When a reading came is told by how much later that was than it was observed, in whole
-- milliseconds, which differ little from one reading to the next. Rows from before keep received_at.
alter table reading
    alter column received_at drop not null,
    add column lag_ms bigint;
comment on column reading.received_at is 'null where lag_ms tells it';
comment on column reading.lag_ms is 'received after being observed, milliseconds rounded down';
