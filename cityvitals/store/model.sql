-- What the aggregator needs to know of a shard's cities. Times leave as microseconds since 1970.

-- name: cities
-- The cities of a shard, with how their time runs and how far their change numbers have come.
select id, time_zone, clock, change_number,
       (extract(epoch from greatest(sealed_before, '0001-01-01Z')) * 1000000)::bigint as sealed_us,
       (extract(epoch from greatest(dropped_before, '0001-01-01Z')) * 1000000)::bigint as dropped_us
from city where shard = $1 order by id

-- name: gateways
-- The gateways of a shard's cities.
select g.id, g.city, g.name, g.status
from gateway g join city c on c.id = g.city where c.shard = $1 order by g.id

-- name: series
-- The series of a shard's cities, with the sensor attributes that matter to folding.
select s.id, s.city, s.sensor, s.quantity, s.channel, d.domain, d.gateway, d.id as sensor_id
from series s join sensor d on d.id = s.sensor_id join city c on c.id = s.city
where c.shard = $1 order by s.id

-- name: declarations
-- All declarations of a shard's series, oldest first.
select d.series, d.source, d.kind, d.period_s, d.stamp, d.reporting_s, d.unit, d.reference_state,
       d.modulus,
       (extract(epoch from greatest(d.since, '0001-01-01Z')) * 1000000)::bigint as since_us
from series_declaration d join series s on s.id = d.series join city c on c.id = s.city
where c.shard = $1 order by d.series, d.since

-- name: placements
-- Where a shard's sensors stand, oldest first.
select p.sensor, p.source, p.zone,
       (extract(epoch from greatest(p.valid_from, '0001-01-01Z')) * 1000000)::bigint as from_us
from placement p join sensor d on d.id = p.sensor join city c on c.id = d.city
where c.shard = $1 order by p.sensor, p.valid_from

-- name: zones
-- The zones of a shard's cities.
select z.city, z.id from zone z join city c on c.id = z.city where c.shard = $1 order by z.city, z.id

-- name: facts
-- The dated figures of a shard's cities, oldest first.
select f.city, f.zone, f.name, f.value, f.unit, f.source, f.quality, f.id,
       (extract(epoch from greatest(f.valid_from, '0001-01-01Z')) * 1000000)::bigint as from_us
from fact f join city c on c.id = f.city
where c.shard = $1 and f.withdrawn_at is null order by f.city, f.zone, f.name, f.valid_from
