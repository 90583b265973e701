-- What the aggregator writes, and reads back of its own.

-- name: stage_rollups
-- An empty place for rollups on this connection; a transaction may need it twice.
create temp table if not exists rollup_staging (like rollup) on commit delete rows;
truncate rollup_staging

-- name: drop_empty_rollups
-- Buckets whose recomputed fold is of nothing go. Their series and range stand as values, so that a server that has compressed older ones decompresses none but theirs.
delete from rollup r
using unnest($1::integer[], $2::timestamptz[]) as k (series, bucket)
where r.series_id = k.series and r.bucket_begin = k.bucket
  and r.series_id = any($1::integer[]) and r.bucket_begin between $3 and $4

-- name: merge_rollups
-- They are new, or take the place of what was there.
insert into rollup
select * from rollup_staging s order by s.series_id, s.bucket_begin
on conflict (series_id, bucket_begin) do update set
    count = excluded.count, flagged = excluded.flagged, sum = excluded.sum, sumsq = excluded.sumsq,
    min = excluded.min, max = excluded.max, first_t = excluded.first_t, first_v = excluded.first_v,
    last_t = excluded.last_t, last_v = excluded.last_v, integral = excluded.integral,
    increase = excluded.increase, covered = excluded.covered, repeated = excluded.repeated,
    stepped = excluded.stepped, estimated = excluded.estimated

-- name: cells
-- What windows need of the buckets of some series in [$2, $3).
select bucket_begin, series_id, count, flagged, integral, covered
from rollup where series_id = any($1::integer[]) and bucket_begin >= $2 and bucket_begin < $3

-- name: rollup_ranges
-- The first and the last bucket of each of some series: by the index, at whose ends they stand.
select mine.series as series_id,
       (extract(epoch from oldest.bucket_begin) * 1000000)::bigint as first_us,
       (extract(epoch from newest.bucket_begin) * 1000000)::bigint as last_us
from unnest($1::integer[]) as mine (series)
cross join lateral (
    select bucket_begin from rollup where series_id = mine.series order by bucket_begin limit 1
) as oldest
cross join lateral (
    select bucket_begin from rollup where series_id = mine.series order by bucket_begin desc limit 1
) as newest

-- name: said_range
-- Where the first window of each city's indicators ends, and where the last one begins: by the
-- index, at whose beginnings the first ones stand.
select l.city,
       (extract(epoch from min(least(oldest.window_end, l.window_end))) * 1000000)::bigint
           as first_us,
       (extract(epoch from max(l.window_begin)) * 1000000)::bigint as last_us
from indicator_latest l join city c on c.id = l.city
left join lateral (
    select i.window_end from indicator i
    where i.city = l.city and i.rule = l.rule and i.zone = l.zone order by i.window_begin limit 1
) as oldest on true
where c.shard = $1
group by l.city

-- name: readings
-- Stored readings of some series in [$2, $3).
select observed_at, coalesce(lag_ms, (extract(epoch from received_at - observed_at) * 1000)::bigint),
       value, rev, series_id, flags
from reading where series_id = any($1::integer[]) and observed_at >= $2 and observed_at < $3

-- name: extents
-- The oldest and the newest reading of every series of some, with what is kept of those that are gone.
select series_id, (extract(epoch from min(observed_at)) * 1000000)::bigint as first_us,
       (extract(epoch from max(observed_at)) * 1000000)::bigint as last_us
from (
    select series_id, observed_at from reading where series_id = any($1::integer[])
    union all
    select series_id, observed_at from seal_neighbour where series_id = any($1::integer[])
) known
group by series_id

-- name: newest
-- The newest revision of each of some windows. Looked up one by one: a join may read, and decompress, all indicators instead.
select i.*
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as key (city, rule, zone, window_begin)
cross join lateral (
    select city, rule, zone, window_begin, revision, rule_revision, state, closed, value, numerator,
           denominator, coverage, observed, flagged, reason, stations,
           coalesce(station_count, stations_among(stations)) as station_count, facts, computed_at
    from indicator
    where city = key.city and rule = key.rule and zone = key.zone and window_begin = key.window_begin
    order by revision desc limit 1
) i

-- name: latest
-- The newest window of every indicator of a shard's cities.
select l.* from indicator_latest l join city c on c.id = l.city where c.shard = $1

-- name: stage_latest
-- A place for latest values of one transaction, on this connection.
create temp table if not exists indicator_latest_staging (like indicator_latest) on commit delete rows

-- name: merge_latest
-- A newer window, or a newer state of the same one, takes the place of what was there.
insert into indicator_latest as l select * from indicator_latest_staging
on conflict (city, rule, zone) do update set
    window_begin = excluded.window_begin, revision = excluded.revision,
    window_end = excluded.window_end, rule_revision = excluded.rule_revision,
    state = excluded.state, closed = excluded.closed, value = excluded.value,
    numerator = excluded.numerator, denominator = excluded.denominator,
    coverage = excluded.coverage, observed = excluded.observed, flagged = excluded.flagged,
    reason = excluded.reason, stations = excluded.stations,
    station_count = excluded.station_count, silent = excluded.silent,
    watermark = excluded.watermark, computed_at = excluded.computed_at,
    change_number = excluded.change_number, facts = excluded.facts
where l.window_begin <= excluded.window_begin

-- name: number_changes
-- How far a city's change numbers have come.
update city set change_number = $2 where id = $1

-- name: prune_changes
-- Keep the newest changes of a city.
delete from change where city = $1 and number <= $2

-- name: known_rules
-- Each revision of each rule that was ever loaded.
select id, revision, digest, definition from rule

-- name: save_rule
-- Remember a revision of a rule; of one known, the definition that an older build did not keep.
insert into rule (id, revision, digest, body, definition) values ($1, $2, $3, $4, $5)
on conflict (id, revision) do update set definition = excluded.definition
where rule.definition = '' and rule.digest = excluded.digest
