-- Limits of a city or its sensors, and the flags that stored readings carry for them.
-- $8 is OUT_OF_RANGE: no other bit of a reading is ever touched.

-- name: state
-- Limits where they are new; changed bounds are pending until stored readings are flagged by them.
insert into "limit" as l (city, sensor, quantity, low, high, source, pending)
select $1, k.sensor, k.quantity, k.low, k.high, k.source, true
from unnest($2::text[], $3::text[], $4::float8[], $5::float8[], $6::text[])
     as k (sensor, quantity, low, high, source)
on conflict (city, sensor, quantity) do update set
    low = excluded.low, high = excluded.high, source = excluded.source,
    pending = l.pending or (l.low, l.high) is distinct from (excluded.low, excluded.high)
where (l.low, l.high, l.source) is distinct from (excluded.low, excluded.high, excluded.source)
returning quantity

-- name: of
-- The limits of some cities, and of some of their sensors.
select city, sensor, quantity, low, high from "limit"
where city = any($1::text[]) and (sensor = '' or sensor = any($2::text[]))

-- name: lock
-- Let stored readings be flagged anew by one process at a time.
select pg_advisory_lock(1129731660)

-- name: unlock
-- Let the next process do so.
select pg_advisory_unlock(1129731660)

-- name: pending
-- A city's limits that stored readings are not flagged by yet.
select sensor, quantity, low, high from "limit" where city = $1 and pending

-- name: settle
-- Stored readings are flagged by these limits, unless they have changed again.
update "limit" l set pending = false
from unnest($2::text[], $3::text[], $4::float8[], $5::float8[]) as k (sensor, quantity, low, high)
where l.city = $1 and (l.sensor, l.quantity) = (k.sensor, k.quantity)
  and (l.low, l.high) is not distinct from (k.low, k.high)

-- name: affected
-- The series that pending limits may concern.
select s.id, s.sensor, s.quantity from series s
where s.city = $1 and exists (
    select from "limit" l
    where l.city = s.city and l.pending and l.quantity = s.quantity and l.sensor in ('', s.sensor))
order by s.id

-- name: extent
-- The months (UTC) of the oldest and the newest reading.
select date_trunc('month', min(observed_at), 'UTC') as first,
       date_trunc('month', max(observed_at), 'UTC') as last from reading

-- name: differing
-- Readings in [$6, $7) whose bit is not as their bounds say: how many of each series, and between when.
select r.series_id as series, count(*) as count,
       (extract(epoch from min(r.observed_at)) * 1000000)::bigint as first_us,
       (extract(epoch from max(r.observed_at)) * 1000000)::bigint as last_us
from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::float8[], $5::float8[])
     as k (series, since_us, until_us, low, high)
join reading r on r.series_id = k.series
where r.series_id = any($1::integer[]) and r.observed_at >= $6 and r.observed_at < $7
  and r.observed_at >= timestamptz 'epoch' + k.since_us * interval '1 microsecond'
  and r.observed_at < timestamptz 'epoch' + k.until_us * interval '1 microsecond'
  and ((r.flags & $8::integer) <> 0) <> coalesce(r.value < k.low or r.value > k.high, false)
group by r.series_id order by r.series_id

-- name: reflag
-- Turn the bit of those readings; how many of each series, and between when.
with turned as (
    update reading r set flags = r.flags # $8::integer
    from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::float8[], $5::float8[])
         as k (series, since_us, until_us, low, high)
    where r.series_id = k.series and r.series_id = any($1::integer[])
      and r.observed_at >= $6 and r.observed_at < $7
      and r.observed_at >= timestamptz 'epoch' + k.since_us * interval '1 microsecond'
      and r.observed_at < timestamptz 'epoch' + k.until_us * interval '1 microsecond'
      and ((r.flags & $8::integer) <> 0) <> coalesce(r.value < k.low or r.value > k.high, false)
    returning r.series_id, r.observed_at
)
select series_id as series, count(*) as count,
       (extract(epoch from min(observed_at)) * 1000000)::bigint as first_us,
       (extract(epoch from max(observed_at)) * 1000000)::bigint as last_us
from turned group by series_id order by series_id
