-- Hypertables: made, and kept as the settings say. Only ever sent to a TimescaleDB.

-- name: make
-- A hypertable of one of our tables, unless it is one; see migration 10.
select make_hypertable($1, $2, $3)

-- name: chunk_interval
-- How long a table's next chunks will be.
select time_interval from timescaledb_information.dimensions
where hypertable_schema = current_schema() and hypertable_name = $1 and dimension_number = 1

-- name: set_chunk_interval
-- Have the next chunks of a table be of another length.
select set_chunk_time_interval($1::text::regclass, $2::interval)

-- name: columnstore
-- How a table's next compressed chunks will be laid out.
select segmentby, orderby from timescaledb_information.hypertable_columnstore_settings
where hypertable = to_regclass($1)

-- name: policy
-- At which age a table's chunks are compressed.
select (config ->> 'compress_after')::interval as after
from timescaledb_information.jobs
where hypertable_schema = current_schema() and hypertable_name = $1
  and proc_name = 'policy_compression'

-- name: drop_policy
-- No compression on its own any more.
call remove_columnstore_policy($1::text::regclass, if_exists => true)

-- name: add_policy
-- Compress a table's chunks from an age on, looking for some every so often.
call add_columnstore_policy($1::text::regclass, after => $2::interval, schedule_interval => $3::interval)

-- name: chunks
-- A table's chunks that lie wholly before $3 and reach beyond $2, oldest first.
select format('%I.%I', chunk_schema, chunk_name) as name, range_start, range_end, is_compressed
from timescaledb_information.chunks
where hypertable_schema = current_schema() and hypertable_name = $1
  and range_end > $2 and range_end <= $3
order by range_start

-- name: compress
-- Bring a chunk into the columnstore; one that is there takes in what came to it since.
select compress_chunk($1::text::regclass, if_not_compressed => true)

-- name: drop_chunks
-- Drop a table's chunks that lie wholly in [$2, $3).
select drop_chunks($1::text::regclass, newer_than => $2::timestamptz, older_than => $3::timestamptz)

-- name: columnstore_reading
-- A segment for each series, in time order: what a series' history and its recomputation read, and what a late reading is looked for in.
alter table reading set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'series_id', timescaledb.orderby = 'observed_at'
)

-- name: columnstore_rollup
-- As readings.
alter table rollup set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'series_id', timescaledb.orderby = 'bucket_begin'
)

-- name: columnstore_indicator
-- A segment for each indicator of a zone, its windows in order with their revisions.
alter table indicator set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'city,rule,zone',
    timescaledb.orderby = 'window_begin,revision'
)
