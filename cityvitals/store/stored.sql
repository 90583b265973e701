-- Readings and rollups of a city as they are stored, page by page.

-- name: series
-- The series of a city by their ids; $2, $3, $4: of one sensor, quantity, channel alone, or null.
select id, sensor, quantity, channel from series
where city = $1
  and ($2::text is null or sensor = $2)
  and ($3::text is null or quantity = $3)
  and ($4::text is null or channel = $4)

-- name: readings
-- At most $6 readings of series $1 in [$2, $3), by time, then series, after the key ($4, $5).
select observed_at, series_id, value, rev, flags from reading
where series_id = any($1::integer[]) and observed_at >= $2 and observed_at < $3
  and (observed_at, series_id) > ($4, $5::integer)
order by observed_at, series_id
limit $6

-- name: rollups
-- At most $6 rollups of series $1 that begin in [$2, $3), by series, then time, after ($4, $5).
select bucket_begin, series_id, count, flagged, sum, sumsq, min, max, first_t, first_v,
       last_t, last_v, integral, increase, covered
from rollup
where series_id = any($1::integer[]) and bucket_begin >= $2 and bucket_begin < $3
  and (series_id, bucket_begin) > ($4::integer, $5)
order by series_id, bucket_begin
limit $6
