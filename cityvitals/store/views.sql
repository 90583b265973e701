-- What the API reads. Nothing here writes.

-- name: cities
-- All cities by id, with how far the data of each is complete: the least of its domains' newest watermarks.
select c.id, c.name, c.time_zone, c.clock, c.change_number, d.complete_to
from city c
left join lateral (
    select min(newest) as complete_to
    from (
        select max(l.watermark) as newest
        from indicator_latest l
        join rule r on r.id = l.rule and r.revision = l.rule_revision
        where l.city = c.id
        group by r.body ->> 'domain'
    ) as per_domain
) as d on true
where $1::text is null or c.id = $1
order by c.id

-- name: zones
-- The zones of a city by id.
select id, name, geometry from zone where city = $1 order by id

-- name: change_number
-- The number of the newest change of a city.
select change_number from city where id = $1

-- name: latest
-- The newest window of every indicator of a city of which anything was said after change $2, and the change number of the same snapshot; one row of nulls where there is none.
select c.change_number as city_number, c.time_zone as city_time_zone, l.*
from city c
left join indicator_latest l on l.city = c.id and l.change_number > $2
where c.id = $1
order by l.zone, l.rule

-- name: history
-- The newest revision of every window of one indicator that begins in [$4, $5), ascending, at most
-- $6. The key alone tells which windows and revisions these are, so no more rows are looked at.
with kept as (
    select window_begin, max(revision) as revision
    from indicator
    where city = $1 and rule = $2 and zone = $3 and window_begin >= $4 and window_begin < $5
    group by window_begin
    order by window_begin
    limit $6
)
select distinct on (w.window_begin) w.*
from (
    select i.*
    from kept k
    cross join lateral (
        select rule, zone, window_begin, revision, window_end, rule_revision, state, value,
               numerator, denominator, coverage, observed, flagged, reason,
               coalesce(station_count, stations_among(stations)) as station_count, silent,
               watermark, computed_at, facts
        from indicator
        where city = $1 and rule = $2 and zone = $3 and window_begin = k.window_begin
          and revision = k.revision
        limit 1
    ) as i
    union all
    select rule, zone, window_begin, revision, window_end, rule_revision, state, value, numerator,
           denominator, coverage, observed, flagged, reason, station_count, silent, watermark,
           computed_at, facts
    from indicator_latest
    where city = $1 and rule = $2 and zone = $3 and window_begin >= $4 and window_begin < $5
) as w
order by w.window_begin, w.revision desc, w.computed_at desc
limit $6

-- name: changes
-- At most $3 changes of a city after number $2, and the city's newest number in the same snapshot; one row of nulls where there are none.
select c.change_number as city_number, h.number, h.kind, h.body
from city c
left join lateral (
    select number, kind, body from change
    where city = c.id and number > $2 order by number limit $3
) as h on true
where c.id = $1
order by h.number

-- name: rules
-- The bodies of some revisions of rules.
select r.id, r.revision, r.body
from unnest($1::text[], $2::integer[]) as wanted (id, revision)
join rule r using (id, revision)

-- name: rule_ids
-- Every rule that was ever loaded.
select distinct id from rule order by id

-- name: facts
-- Figures of a city as stated now, by name, zone and date; those in force at $2 alone, where it is given.
select f.id, f.zone, f.name, f.value, f.unit, f.source, f.quality, f.declared_at,
       nullif(greatest(f.valid_from, '0001-01-01Z'), '0001-01-01Z') as valid_from
from fact f
where f.city = $1 and f.withdrawn_at is null
  and ($3::text is null or f.zone = $3) and ($4::text is null or f.name = $4)
  and ($2::timestamptz is null or f.valid_from = (
      select max(g.valid_from) from fact g
      where g.city = f.city and g.zone = f.zone and g.name = f.name and g.withdrawn_at is null
        and g.valid_from <= $2))
order by f.name, f.zone, f.valid_from

-- name: facts_by_id
-- Some figures, stated now or once.
select id, zone, name, value, unit, source, quality, declared_at,
       nullif(greatest(valid_from, '0001-01-01Z'), '0001-01-01Z') as valid_from
from fact where id = any($1::bigint[])

-- name: hold_publishing
-- Whether this session may publish indicators: one of all does, until it ends.
select pg_try_advisory_lock(1129730168)
