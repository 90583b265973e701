-- The registry: cities, gateways, sensors and series, as devices make themselves known.
-- Insertions take keys in sorted order and leave known ones alone, so workers never deadlock.

-- name: lock
-- Let changes of declarations, placements and cities go one after the other.
select pg_advisory_xact_lock(1129731652)

-- name: add_cities
-- Cities that were only named so far.
insert into city (id, name, shard)
select k.id, k.id, k.shard from unnest($1::text[], $2::smallint[]) as k (id, shard)
on conflict do nothing

-- name: add_gateways
-- Gateways that are not known yet.
insert into gateway (city, name)
select k.city, k.name from unnest($1::text[], $2::text[]) as k (city, name)
where not exists (select from gateway g where g.city = k.city and g.name = k.name)
on conflict do nothing

-- name: add_sensors
-- Sensors that are not known yet.
insert into sensor (city, name, domain, gateway)
select k.city, k.name, k.domain, g.id
from unnest($1::text[], $2::text[], $3::text[], $4::text[])
     as k (city, gateway, domain, name)
join gateway g on g.city = k.city and g.name = k.gateway
where not exists (select from sensor s where s.city = k.city and s.name = k.name)
on conflict do nothing

-- name: move_sensors
-- Sensors that speak by another gateway or of another domain than before.
update sensor s set gateway = g.id, domain = k.domain
from unnest($1::text[], $2::text[], $3::text[], $4::text[])
     as k (city, gateway, domain, name)
join gateway g on g.city = k.city and g.name = k.gateway
where s.city = k.city and s.name = k.name and (s.gateway, s.domain) <> (g.id, k.domain)
returning s.id, s.city

-- name: add_series
-- Series that are not known yet, each with the default declaration of its quantity.
with added as (
    insert into series (city, sensor, quantity, channel, sensor_id)
    select k.city, k.sensor, k.quantity, k.channel, d.id
    from unnest($1::text[], $2::text[], $3::text[], $4::text[])
         as k (city, sensor, quantity, channel)
    join sensor d on d.city = k.city and d.name = k.sensor
    where not exists (
        select from series s where (s.city, s.sensor, s.quantity, s.channel)
                                 = (k.city, k.sensor, k.quantity, k.channel))
    on conflict do nothing
    returning id, city, sensor, quantity, channel
)
insert into series_declaration (series, source, since, kind, period_s, stamp, reporting_s, unit)
select a.id, 'default', $10, k.kind, k.period_s, k.stamp, k.reporting_s, k.unit
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::float8[],
            $7::smallint[], $8::float8[], $9::text[])
     as k (city, sensor, quantity, channel, kind, period_s, stamp, reporting_s, unit)
join added a on (a.city, a.sensor, a.quantity, a.channel)
              = (k.city, k.sensor, k.quantity, k.channel)
on conflict do nothing

-- name: find_devices
-- Sensors by city and name, with their gateway and city.
select k.position, s.id, s.domain, g.id as gateway_id, g.name as gateway, g.allowed, g.server_timed,
       c.clock, c.shard, s.latitude, s.longitude,
       (extract(epoch from greatest(c.sealed_before, '0001-01-01Z')) * 1000000)::bigint as sealed_us
from unnest($1::text[], $2::text[]) with ordinality as k (city, name, position)
join sensor s on s.city = k.city and s.name = k.name
join gateway g on g.id = s.gateway
join city c on c.id = s.city

-- name: find_gateways
-- Whether gateways, by city and name, may send (null: not known), and whether their city is known.
select k.position, g.allowed, c.id is not null as city_known
from unnest($1::text[], $2::text[]) with ordinality as k (city, name, position)
left join city c on c.id = k.city
left join gateway g on g.city = k.city and g.name = k.name

-- name: series_of
-- The series of some sensors.
select id, sensor_id, quantity, channel from series where sensor_id = any($1::integer[])

-- name: declarations_of
-- What some series declare, oldest first.
select series, source, kind, period_s, stamp, reporting_s, unit, reference_state, modulus,
       (extract(epoch from greatest(since, '0001-01-01Z')) * 1000000)::bigint as since_us
from series_declaration where series = any($1::integer[]) order by series, since

-- name: placements_of
-- Where some sensors were placed, oldest first.
select sensor, source, zone,
       (extract(epoch from greatest(valid_from, '0001-01-01Z')) * 1000000)::bigint as from_us
from placement where sensor = any($1::integer[]) order by sensor, valid_from

-- name: declare_series
-- What series declare from a time on.
insert into series_declaration as d
       (series, source, since, kind, period_s, stamp, reporting_s, unit, reference_state, modulus)
select k.series, $1, timestamptz 'epoch' + k.since_us * interval '1 microsecond',
       k.kind, k.period_s, k.stamp, k.reporting_s, k.unit, k.reference_state, k.modulus
from unnest($2::integer[], $3::bigint[], $4::smallint[], $5::float8[], $6::smallint[],
            $7::float8[], $8::text[], $9::text[], $10::float8[])
     as k (series, since_us, kind, period_s, stamp, reporting_s, unit, reference_state, modulus)
on conflict (series, source, since) do update set
    kind = excluded.kind, period_s = excluded.period_s, stamp = excluded.stamp,
    reporting_s = excluded.reporting_s, unit = excluded.unit,
    reference_state = excluded.reference_state, modulus = excluded.modulus, declared_at = now()

-- name: place_sensors
-- Where sensors stand from a time on.
insert into placement as p (sensor, source, valid_from, zone)
select k.sensor, $1, timestamptz 'epoch' + k.from_us * interval '1 microsecond', k.zone
from unnest($2::integer[], $3::bigint[], $4::text[]) as k (sensor, from_us, zone)
on conflict (sensor, source, valid_from) do update set zone = excluded.zone, declared_at = now()

-- name: add_zones
-- Zones that were only named so far.
insert into zone (city, id, name)
select k.city, k.id, k.id from unnest($1::text[], $2::text[]) as k (city, id)
on conflict do nothing

-- name: locate_sensors
-- Where sensors stand on the map.
update sensor s set latitude = k.latitude, longitude = k.longitude
from unnest($1::integer[], $2::float8[], $3::float8[]) as k (id, latitude, longitude)
where s.id = k.id

-- name: describe_city
-- What a city says of itself, where that is new.
insert into city as c (id, name, time_zone, clock, shard) values ($1, $2, $3, $4, $5)
on conflict (id) do update set
    name = excluded.name, time_zone = excluded.time_zone, clock = excluded.clock
where (c.name, c.time_zone, c.clock) <> (excluded.name, excluded.time_zone, excluded.clock)
returning id

-- name: set_status
-- Whether a gateway is there, where that is new.
update gateway set status = $3, status_at = $4
where city = $1 and name = $2 and status is distinct from $3
returning id

-- name: announce
-- Tell ingest workers that what they remember of the registry is out of date.
select pg_notify('cityvitals_registry', $1)

-- name: describe_zones
-- Zones with their names and shapes, where that is new.
insert into zone as z (city, id, name, geometry)
select $1, k.id, k.name, k.geometry
from unnest($2::text[], $3::text[], $4::jsonb[]) as k (id, name, geometry)
on conflict (city, id) do update set name = excluded.name, geometry = excluded.geometry
where (z.name, z.geometry) is distinct from (excluded.name, excluded.geometry)
returning id

-- name: allow_gateways
-- Whether gateways may send, and may leave the time to us, where that is new.
insert into gateway as g (city, name, allowed, server_timed)
select $1, k.name, k.allowed, k.server_timed
from unnest($2::text[], $3::boolean[], $4::boolean[]) as k (name, allowed, server_timed)
on conflict (city, name) do update set
    allowed = excluded.allowed, server_timed = excluded.server_timed
where (g.allowed, g.server_timed) <> (excluded.allowed, excluded.server_timed)
returning name

-- name: withdraw_facts
-- What was stated of a city and is now stated otherwise, or (value null) withdrawn, is past.
update fact f set withdrawn_at = now(), withdrawn_by = $9
from unnest($2::text[], $3::text[], $4::bigint[], $5::float8[], $6::text[], $7::text[], $8::text[])
     as k (zone, name, from_us, value, unit, source, quality)
where f.city = $1 and f.zone = k.zone and f.name = k.name and f.withdrawn_at is null
  and f.valid_from = timestamptz 'epoch' + k.from_us * interval '1 microsecond'
  and (k.value is null or (f.value, f.unit, f.source, f.quality)
                          is distinct from (k.value, k.unit, k.source, k.quality))
returning f.zone, f.name, k.from_us

-- name: state_facts
-- Dated figures of a city or its zones, where they are new.
insert into fact (city, zone, name, valid_from, value, unit, source, quality, declared_by)
select $1, k.zone, k.name, timestamptz 'epoch' + k.from_us * interval '1 microsecond',
       k.value, k.unit, k.source, k.quality, $9
from unnest($2::text[], $3::text[], $4::bigint[], $5::float8[], $6::text[], $7::text[], $8::text[])
     as k (zone, name, from_us, value, unit, source, quality)
where k.value is not null
on conflict (city, zone, name, valid_from) where withdrawn_at is null do nothing
returning zone, name, (extract(epoch from greatest(valid_from, '0001-01-01Z')) * 1000000)::bigint as from_us

-- name: facts_after
-- When the next figure takes the place of each of some, null where none does.
select k.name, k.from_us,
       (select (extract(epoch from min(f.valid_from)) * 1000000)::bigint from fact f
        where f.city = $1 and f.zone = k.zone and f.name = k.name and f.withdrawn_at is null
          and f.valid_from > timestamptz 'epoch' + k.from_us * interval '1 microsecond') as until_us
from unnest($2::text[], $3::text[], $4::bigint[]) as k (zone, name, from_us)

-- name: facts_of
-- A city's figures, oldest first: those that are stated now, or all that ever were.
select zone, name, value, unit, source, quality, declared_by, declared_at, withdrawn_by, withdrawn_at, id,
       (extract(epoch from greatest(valid_from, '0001-01-01Z')) * 1000000)::bigint as from_us
from fact where city = $1 and ($2 or withdrawn_at is null) order by name, zone, valid_from, id

-- name: place
-- A city's time zone and the ids of its zones; nothing where nobody knows the city.
select c.time_zone, array(select z.id from zone z where z.city = c.id order by z.id) as zones
from city c where c.id = $1

-- name: city_ids
-- The first few cities by id.
select id from city order by id limit $1
