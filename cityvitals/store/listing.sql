-- Pages of what a city has, each in the order of its key. Nothing here writes.

-- name: series
-- At most $7 series of a city behind the key ($4, $5, $6), by sensor, quantity and channel: what they
-- declare, when the newest quarter hour with a reading was, and a day up to $8 of them.
with page as (
    select s.id, s.sensor, s.quantity, s.channel, s.sensor_id
    from series s
    where s.city = $1 and ($2::text[] is null or s.sensor = any($2)) and ($3::text is null or s.quantity = $3)
      and (s.sensor, s.quantity, s.channel) > ($4, $5, $6)
    order by s.sensor, s.quantity, s.channel
    limit $7
)
select p.id, p.sensor, p.quantity, p.channel, d.source, d.kind, d.period_s, d.stamp, d.reporting_s,
       d.unit, d.reference_state, last.last_t,
       coalesce(day.observed, 0)::bigint as observed, coalesce(day.flagged, 0)::bigint as flagged,
       coalesce(day.covered, 0)::bigint as covered, coalesce(day.repeated, 0)::bigint as repeated
from page p
left join lateral (
    select source, kind, period_s, stamp, reporting_s, unit, reference_state
    from series_declaration
    where series = p.id
    order by array_position(array['registry', 'meta', 'default'], source), since desc
    limit 1
) d on true
left join lateral (
    select last_t from rollup where series_id = p.id and last_t > 0
    order by bucket_begin desc limit 1
) last on true
left join lateral (
    select sum(count) as observed, sum(flagged) as flagged, sum(covered) as covered,
           sum(repeated) as repeated
    from rollup
    where series_id = p.id and bucket_begin >= $8::timestamptz - interval '1 day' and bucket_begin < $8
) day on true
order by p.sensor, p.quantity, p.channel

-- name: sensors
-- At most $7 sensors of a city behind the id $6, by id, with the zone that each stands in at $8.
select * from (
    select d.name as id, d.domain, g.name as gateway, g.status as gateway_status,
           d.latitude, d.longitude, place.zone
    from sensor d
    join gateway g on g.id = d.gateway
    left join lateral (
        select p.zone
        from placement p
        where p.sensor = d.id and p.valid_from <= $8
          and p.source = (
              select case when bool_or(source = 'registry') then 'registry' else 'meta' end
              from placement where sensor = d.id)
        order by p.valid_from desc
        limit 1
    ) place on true
    where d.city = $1 and d.name > $6 and ($3::text is null or d.domain = $3)
      and ($4::text is null or g.name = $4) and ($5::text is null or d.name = $5)
) as s
where $2::text is null or coalesce(s.zone, '') = $2
order by s.id
limit $7

-- name: readings
-- At most $4 readings of a series in [$2, $3), by time.
select observed_at,
       coalesce(received_at, observed_at + lag_ms * interval '1 millisecond') as received_at,
       value, rev, flags
from reading
where series_id = $1 and observed_at >= $2 and observed_at < $3
order by observed_at
limit $4

-- name: next_bucket
-- The first quarter hour of a series from $2 on in which a reading begins.
select min(bucket_begin) from rollup
where series_id = $1 and bucket_begin >= $2 and (count > 0 or flagged > 0)

-- name: rollups
-- At most $4 rollups of a series in [$2, $3), by time.
select bucket_begin, count, flagged, nullif(min, 'Infinity') as min, nullif(max, '-Infinity') as max,
       integral, covered, first_t, first_v, last_t, last_v
from rollup
where series_id = $1 and bucket_begin >= $2 and bucket_begin < $3
order by bucket_begin
limit $4

-- name: rules
-- The newest revision of rules behind the id $3, at most $4.
select distinct on (id) id, revision, body, loaded_at
from rule
where id > $3 and ($1::text is null or body ->> 'domain' = $1)
  and ($2::text is null or body #>> '{standard,body}' = $2)
order by id, revision desc
limit $4

-- name: revisions_of_rule
-- Every revision of a rule, newest first.
select id, revision, digest, body, definition, loaded_at
from rule where id = $1 order by revision desc

-- name: revisions
-- Every revision of the windows of one indicator that begin in [$4, $5), as known at $6.
select rule, zone, window_begin, revision, window_end, rule_revision, state, value, numerator,
       denominator, coverage, observed, flagged, reason, station_count, silent, watermark, computed_at, facts
from (
    select rule, zone, window_begin, revision, window_end, rule_revision, state, value, numerator,
           denominator, coverage, observed, flagged, reason,
           coalesce(station_count, stations_among(stations)) as station_count, silent, watermark, computed_at,
           facts
    from indicator
    where city = $1 and rule = $2 and zone = $3 and window_begin >= $4 and window_begin < $5
    union
    select rule, zone, window_begin, revision, window_end, rule_revision, state, value, numerator,
           denominator, coverage, observed, flagged, reason, station_count, silent, watermark, computed_at,
           facts
    from indicator_latest
    where city = $1 and rule = $2 and zone = $3 and window_begin >= $4 and window_begin < $5
) as w
where $6::timestamptz is null or computed_at <= $6
order by window_begin, revision, computed_at
limit $7

-- name: known_at
-- The revision of each window of one indicator in [$4, $5) that was the newest at $6, ascending.
select distinct on (window_begin)
       rule, zone, window_begin, revision, window_end, rule_revision, state, value, numerator,
       denominator, coverage, observed, flagged, reason,
       coalesce(station_count, stations_among(stations)) as station_count,
       silent, watermark, computed_at, facts
from indicator
where city = $1 and rule = $2 and zone = $3 and window_begin >= $4 and window_begin < $5
  and computed_at <= $6
order by window_begin, revision desc
limit $7

-- name: letters
-- At most $7 dead letters of a city behind the key ($4, $5, $6), those that came last first.
select d.hash, d.index, d.gateway, d.reason, d.detail, d.times, d.first_at, d.last_at, d.replayed_at,
       m.topic, octet_length(m.payload) as bytes
from dead_letter d join dead_message m using (hash)
where d.city = $1 and ($2::text is null or d.gateway = $2) and ($3::text is null or d.reason = $3)
  and ($4::timestamptz is null or d.last_at < $4
       or (d.last_at = $4 and (d.hash, d.index) > ($5::bytea, $6::integer)))
order by d.last_at desc, d.hash, d.index
limit $7
