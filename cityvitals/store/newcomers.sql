-- Counting what registered itself within the last hour, by the clock of the database.

-- name: lock
-- Let workers register newcomers one after the other, so that none overshoots.
select pg_advisory_xact_lock(1129731661)

-- name: cities
-- How many cities are new.
select count(*) from city where created_at > now() - interval '1 hour'

-- name: gateways
-- Of some cities: whether they are known, and how many of their gateways are new.
select k.city, c.id is not null as known,
       (select count(*) from gateway g
        where g.city = k.city and g.created_at > now() - interval '1 hour') as fresh
from unnest($1::text[]) as k (city) left join city c on c.id = k.city

-- name: series
-- Of some gateways: whether they are known, and how many of their sensors and series are new.
select k.city, k.name, g.id is not null as known,
       (select count(*) from sensor s
        where s.gateway = g.id and s.created_at > now() - interval '1 hour')
     + (select count(*) from sensor s join series r on r.sensor_id = s.id
        where s.gateway = g.id and r.created_at > now() - interval '1 hour') as fresh
from unnest($1::text[], $2::text[]) as k (city, name)
left join gateway g on g.city = k.city and g.name = k.name

-- name: restless
-- Those of some gateways whose devices declared and moved at least so often. What devices said the first time counts too.
select k.city, k.name
from unnest($1::text[], $2::text[]) as k (city, name)
join gateway g on g.city = k.city and g.name = k.name
where (select count(*) from sensor s join series r on r.sensor_id = s.id
       join series_declaration d on d.series = r.id
       where s.gateway = g.id and d.source = 'meta'
         and d.declared_at > now() - interval '1 hour')
    + (select count(*) from sensor s join placement p on p.sensor = s.id
       where s.gateway = g.id and p.source = 'meta'
         and p.declared_at > now() - interval '1 hour') >= $3
