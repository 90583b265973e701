-- Histories for charts: at most so many points, the least and the greatest value kept.

-- name: series
-- A series by its natural key, its kind as declared last, and its newest closed bucket.
select s.id, d.kind, newest.bucket_begin as newest_bucket
from series s
left join lateral (
    select kind from series_declaration
    where series = s.id
    order by array_position(array['registry', 'meta', 'default'], source), since desc
    limit 1
) d on true
left join lateral (
    select bucket_begin from rollup where series_id = s.id order by bucket_begin desc limit 1
) newest on true
where s.city = $1 and s.sensor = $2 and s.quantity = $3 and s.channel = $4

-- name: newest_reading
-- When the newest reading of all was observed.
select max(observed_at) from reading

-- name: readings
-- At most $4 readings of a series in [$2, $3), by time; $5: the flags that exclude.
select observed_at as begin, observed_at as end,
       case when flags & $5::integer = 0 then value end as least,
       case when flags & $5::integer = 0 then value end as greatest,
       case when flags & $5::integer = 0 then value end as sum,
       case when flags & $5::integer = 0 then 1 else 0 end as count,
       case when flags & $5::integer = 0 then 0 else 1 end as flagged
from reading
where series_id = $1 and observed_at >= $2 and observed_at < $3
order by observed_at
limit $4

-- name: reading_bins
-- Readings of a series in [$2, $3) in bins of $4; $5: the flags that exclude; $6: whether they are levels in dB, of which powers are added up.
select date_bin($4::interval, observed_at, timestamptz 'epoch') as begin,
       min(value) filter (where flags & $5::integer = 0) as least,
       max(value) filter (where flags & $5::integer = 0) as greatest,
       sum(case when $6 then power(10, value / 10) else value end) filter (where flags & $5::integer = 0) as sum,
       count(*) filter (where flags & $5::integer = 0) as count,
       count(*) filter (where flags & $5::integer <> 0) as flagged
from reading
where series_id = $1 and observed_at >= $2 and observed_at < $3
group by 1 order by 1

-- name: rollup_bins
-- Rollups of a series that begin in [$2, $3) in bins of $4.
select date_bin($4::interval, bucket_begin, timestamptz 'epoch') as begin,
       nullif(min(min), 'Infinity') as least, nullif(max(max), '-Infinity') as greatest,
       sum(sum) as sum, sum(count)::bigint as count, sum(flagged)::bigint as flagged,
       sum(integral) as integral, sum(covered)::bigint as covered
from rollup
where series_id = $1 and bucket_begin >= $2 and bucket_begin < $3
group by 1 order by 1

-- name: indicator_reach
-- The first and the last window of an indicator that begins in [$4, $5).
select min(window_begin) as first, max(window_begin) as last from indicator
where city = $1 and rule = $2 and zone = $3 and window_begin >= $4 and window_begin < $5

-- name: indicator_extremes
-- Of an indicator's windows that begin in [$4, $5), each in its newest revision, those of the least
-- and of the greatest value in each bin of $6; where a bin has no value, its first window.
with newest as (
    select distinct on (w.window_begin) w.*
    from (
        select window_begin, revision, value, computed_at, false as is_latest
        from indicator
        where city = $1 and rule = $2 and zone = $3 and window_begin >= $4 and window_begin < $5
        union all
        select window_begin, revision, value, computed_at, true
        from indicator_latest
        where city = $1 and rule = $2 and zone = $3 and window_begin >= $4 and window_begin < $5
    ) as w
    order by w.window_begin, w.revision desc, w.computed_at desc
), ranked as (
    select n.*,
           row_number() over (partition by bin order by value, window_begin) as low,
           row_number() over (partition by bin order by value desc nulls last, window_begin) as high
    from (
        select *, date_bin($6::interval, window_begin, timestamptz 'epoch') as bin from newest
    ) as n
), chosen as (
    select window_begin, revision, is_latest from ranked where low = 1 or high = 1
)
select w.*
from chosen c
cross join lateral (
    select rule, zone, window_begin, revision, window_end, rule_revision, state, value, numerator,
           denominator, coverage, observed, flagged, reason,
           coalesce(station_count, stations_among(stations)) as station_count, silent, watermark, computed_at
    from indicator
    where not c.is_latest and city = $1 and rule = $2 and zone = $3
      and window_begin = c.window_begin and revision = c.revision
    union all
    select rule, zone, window_begin, revision, window_end, rule_revision, state, value, numerator,
           denominator, coverage, observed, flagged, reason, station_count, silent, watermark, computed_at
    from indicator_latest
    where c.is_latest and city = $1 and rule = $2 and zone = $3
) as w
order by w.window_begin
