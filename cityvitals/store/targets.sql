-- What a city aims at, by data point of a scorecard. Nothing is overwritten.

-- name: withdraw
-- What was aimed at and is now stated otherwise, or (value null) withdrawn, is past.
update target t set withdrawn_at = now(), withdrawn_by = $7
from unnest($2::text[], $3::bigint[], $4::float8[], $5::float8[], $6::text[], $8::text[])
     as k (point, from_us, value, start, unit, source)
where t.city = $1 and t.point = k.point and t.withdrawn_at is null
  and t.valid_from = timestamptz 'epoch' + k.from_us * interval '1 microsecond'
  and (k.value is null
       or (t.value, t.start, t.unit, t.source) is distinct from (k.value, k.start, k.unit, k.source))
returning t.point, k.from_us

-- name: state
-- Targets, where they are new.
insert into target (city, point, valid_from, value, start, unit, source, declared_by)
select $1, k.point, timestamptz 'epoch' + k.from_us * interval '1 microsecond',
       k.value, k.start, k.unit, k.source, $7
from unnest($2::text[], $3::bigint[], $4::float8[], $5::float8[], $6::text[], $8::text[])
     as k (point, from_us, value, start, unit, source)
where k.value is not null
on conflict (city, point, valid_from) where withdrawn_at is null do nothing
returning point, (extract(epoch from greatest(valid_from, '0001-01-01Z')) * 1000000)::bigint as from_us

-- name: of_city
-- A city's targets by data point and date: those that are stated now, or all that ever were.
select id, point, value, start, unit, source, declared_by, declared_at, withdrawn_by, withdrawn_at,
       nullif(greatest(valid_from, '0001-01-01Z'), '0001-01-01Z') as valid_from
from target where city = $1 and ($2 or withdrawn_at is null) order by point, target.valid_from, id
