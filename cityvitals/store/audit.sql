-- What `cityvitals verify` reads: plain SELECTs, one snapshot, nothing written. Times leave as
-- microseconds since 1970, or as timestamptz where a COPY layout decodes them.

-- name: snapshot
-- One moment for all that is read, however long the arithmetic between takes.
begin isolation level repeatable read read only;
set local idle_in_transaction_session_timeout = 0

-- name: release
-- Let the snapshot go.
rollback

-- name: cities
-- Every city, with how its time runs and how far its change numbers have come.
select id, time_zone, clock, shard, change_number,
       (extract(epoch from greatest(sealed_before, '0001-01-01Z')) * 1000000)::bigint as sealed_us,
       (extract(epoch from greatest(dropped_before, '0001-01-01Z')) * 1000000)::bigint as dropped_us
from city order by id

-- name: series
-- A city's series, with how many readings each has.
select s.id, s.city, s.sensor, s.quantity, s.channel, s.sensor_id,
       coalesce(n.readings, 0) as readings
from series s
left join (select series_id, count(*) as readings from reading group by series_id) n
       on n.series_id = s.id
where s.city = $1

-- name: declarations
-- All that a city's series declare.
select d.series, d.source, d.kind, d.period_s, d.stamp, d.reporting_s, d.reference_state, d.modulus,
       (extract(epoch from greatest(d.since, '0001-01-01Z')) * 1000000)::bigint as since_us
from series_declaration d join series s on s.id = d.series where s.city = $1

-- name: placements
-- Where a city's sensors were said to stand.
select p.sensor, p.source, p.zone,
       (extract(epoch from greatest(p.valid_from, '0001-01-01Z')) * 1000000)::bigint as from_us
from placement p join sensor d on d.id = p.sensor where d.city = $1

-- name: facts
-- A city's dated figures.
select zone, name, value, unit, id,
       (extract(epoch from greatest(valid_from, '0001-01-01Z')) * 1000000)::bigint as from_us
from fact where city = $1 and withdrawn_at is null

-- name: warrants
-- The facts that the newest revision of each of one rule's windows in a city names.
select distinct on (zone, window_begin) zone, revision, facts,
       (extract(epoch from window_begin) * 1000000)::bigint as begin_us,
       (extract(epoch from window_end) * 1000000)::bigint as end_us
from (
    select zone, window_begin, window_end, revision, facts from indicator
    where city = $1 and rule = $2
    union all
    select zone, window_begin, window_end, revision, facts from indicator_latest
    where city = $1 and rule = $2
) as w
order by zone, window_begin, revision desc

-- name: readings
-- Stored readings of some series from $2 on, before which they count as gone, and what each keeps of
-- those before.
select observed_at, coalesce(lag_ms, (extract(epoch from received_at - observed_at) * 1000)::bigint),
       value, rev, series_id, flags
from reading
where series_id = any($1::integer[]) and observed_at >= $2
union all
select observed_at, 0::bigint, value, rev, series_id, flags from seal_neighbour
where series_id = any($1::integer[])
order by series_id, observed_at

-- name: rollups
-- Stored rollups of some series.
select bucket_begin, series_id, count, flagged, sum, sumsq, min, max, first_t, first_v,
       last_t, last_v, integral, increase, covered,
       coalesce(repeated, -1), coalesce(stepped, -1), coalesce(estimated, -1)
from rollup where series_id = any($1::integer[]) order by series_id, bucket_begin

-- name: stored_rules
-- Every revision of every rule that was ever loaded.
select id, revision, digest, body from rule order by id, revision

-- name: rules
-- The rules that a city has indicators of, in either table.
select distinct rule from indicator where city = $1
union select rule from indicator_latest where city = $1

-- name: indicator_zones
-- The zones that a city has indicators of ('' is the city).
select distinct zone from indicator where city = $1
union select zone from indicator_latest where city = $1

-- name: indicators
-- All revisions of one rule's windows in a city; nulls as NaN or, for times, as the year 1.
select array_position($3::text[], zone) - 1, window_begin, window_end, revision, rule_revision,
       array_position($4::text[], state) - 1, closed, coalesce(value, 'NaN'),
       coalesce(numerator, 'NaN'), coalesce(denominator, 'NaN'), coverage, observed, flagged,
       cardinality(stations), (select coalesce(sum(one), 0) from unnest(stations) one)::bigint,
       coalesce(station_count, stations_among(stations)),
       coalesce(watermark, '0001-01-01Z'), change_number
from indicator where city = $1 and rule = $2
order by 1, window_begin, revision

-- name: newest_between
-- The newest revision of one rule's windows that begin in [$5, $6), in the same columns.
select distinct on (array_position($3::text[], zone), window_begin)
       array_position($3::text[], zone) - 1, window_begin, window_end, revision, rule_revision,
       array_position($4::text[], state) - 1, closed, coalesce(value, 'NaN'),
       coalesce(numerator, 'NaN'), coalesce(denominator, 'NaN'), coverage, observed, flagged,
       cardinality(stations), (select coalesce(sum(one), 0) from unnest(stations) one)::bigint,
       coalesce(station_count, stations_among(stations)),
       coalesce(watermark, '0001-01-01Z'), change_number
from indicator where city = $1 and rule = $2 and window_begin >= $5 and window_begin < $6
order by array_position($3::text[], zone), window_begin, revision desc

-- name: reach
-- From where to where the stored windows of one rule in a city, and rollups of some series, reach.
select (extract(epoch from least(i.first, r.first)) * 1000000)::bigint as first_us,
       (extract(epoch from greatest(i.last, r.last)) * 1000000)::bigint as last_us
from (select min(window_begin) as first, max(window_begin) as last
      from indicator where city = $1 and rule = $2) as i,
     (select min(bucket_begin) as first, max(bucket_begin) as last
      from rollup where series_id = any($3::integer[])) as r

-- name: cells
-- What windows need of the rollups of some series in [$2, $3), by series and bucket.
select bucket_begin, series_id, count, flagged, integral, covered
from rollup where series_id = any($1::integer[]) and bucket_begin >= $2 and bucket_begin < $3
order by series_id, bucket_begin

-- name: last_buckets
-- The last bucket of each of some series.
select k.id, (extract(epoch from r.last) * 1000000)::bigint as last_us
from unnest($1::integer[]) as k (id)
cross join lateral (select max(bucket_begin) as last from rollup where series_id = k.id) as r

-- name: readings_since
-- Stored readings of some series, of each since a time of its own and of none before $3.
select r.observed_at,
       coalesce(r.lag_ms, (extract(epoch from r.received_at - r.observed_at) * 1000)::bigint),
       r.value, r.rev, r.series_id, r.flags
from unnest($1::integer[], $2::timestamptz[]) as k (series, since)
join reading r on r.series_id = k.series and r.observed_at >= k.since and r.observed_at >= $3
order by r.series_id, r.observed_at

-- name: series_alone
-- A city's series, without counting their readings.
select id, city, sensor, quantity, channel, sensor_id, 0::bigint as readings
from series where city = $1

-- name: latest
-- The newest window of one rule in a city, in the same columns.
select array_position($3::text[], zone) - 1, window_begin, window_end, revision, rule_revision,
       array_position($4::text[], state) - 1, closed, coalesce(value, 'NaN'),
       coalesce(numerator, 'NaN'), coalesce(denominator, 'NaN'), coverage, observed, flagged,
       cardinality(stations), (select coalesce(sum(one), 0) from unnest(stations) one)::bigint,
       station_count,
       coalesce(watermark, '0001-01-01Z'), change_number
from indicator_latest where city = $1 and rule = $2
order by 1

-- name: ledger
-- A city's books by lane and gateway.
select lane, gateway, received, stored, duplicate, revised, rejected
from ledger where city = $1 order by lane, gateway

-- name: revision_count
-- How many values of a city stand beside the current one of their key.
select count(*) from reading_revision r join series s on s.id = r.series_id where s.city = $1

-- name: double_numbers
-- Change numbers that more than one revision of a city's indicators carries.
select change_number, count(*) as rows
from indicator where city = $1 and change_number > 0
group by change_number having count(*) > 1 order by change_number limit 20

-- name: changes
-- How a city's numbered changes lie.
select coalesce(min(number), 0) as first, coalesce(max(number), 0) as last, count(*) as rows
from change where city = $1

-- name: judged_alerts
-- Alert rules by whose newest revision all history of a city was judged.
select j.alert, r.body, r.file
from alert_judged j
join alert_rule r on r.id = j.alert and r.revision = j.revision
where j.city = $1 and r.revision = (select max(revision) from alert_rule where id = j.alert)
order by j.alert

-- name: final_windows
-- The newest revision of each final window of one rule in a city.
select distinct on (array_position($3::text[], zone), window_begin)
       array_position($3::text[], zone) - 1, window_begin, window_end, coalesce(value, 'NaN')
from indicator where city = $1 and rule = $2 and closed and zone = any($3::text[])
order by array_position($3::text[], zone), window_begin, revision desc

-- name: alerts
-- Alerts of one alert rule in a city, with how their events lie.
select a.id, a.zone, a.state, (extract(epoch from a.since) * 1000000)::bigint as since,
       (extract(epoch from a.raised_by) * 1000000)::bigint as raised_by,
       (extract(epoch from a.until) * 1000000)::bigint as until,
       (extract(epoch from a.cleared_by) * 1000000)::bigint as cleared_by,
       a.peak, (extract(epoch from a.peak_at) * 1000000)::bigint as peak_at, a.events,
       e.noted, e.numbered, e.raised, e.told
from alert a
cross join lateral (
    select count(*) as noted, coalesce(max(e.number), 0) as numbered,
           count(*) filter (where e.kind = 'raised') as raised,
           coalesce(bool_and(e.change_number is null or c.kind = 'alert' or not exists (
               select from change o where o.city = a.city and o.number <= e.change_number)), true) as told
    from alert_event e left join change c on c.city = a.city and c.number = e.change_number
    where e.alert = a.id
) e
where a.city = $1 and a.alert = $2
order by a.zone, a.since, a.id

-- name: log
-- How each lane's entries lie, and how far the shard's owner has come in it.
select l.shard, l.lane, l.next_seq, coalesce((s.cursors ->> l.lane)::bigint, 0) as cursor, s.waiting, s.ended,
       s.expires_at > clock_timestamp() as held,
       coalesce(c.first, 0) as first, coalesce(c.last, 0) as last, coalesce(c.rows, 0) as rows
from lane l join shard s on s.shard = l.shard
left join (select shard, lane, min(seq) as first, max(seq) as last, count(*) as rows
           from commit_log group by shard, lane) c on c.shard = l.shard and c.lane = l.lane
order by l.shard, l.lane
