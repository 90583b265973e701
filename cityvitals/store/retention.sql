-- Letting raw readings go: the seal that refuses what is older, and what buckets above still need.

-- name: guard
-- Keep seals of some shards where they are until this transaction ends: whoever writes old readings takes part.
select pg_advisory_xact_lock_shared(1129731915, shard) from unnest($1::integer[]) as s (shard)

-- name: guard_alone
-- Wait for all who write old readings, and raise the seals of a shard alone.
select pg_advisory_xact_lock(1129731915, $1)

-- name: seals
-- The seals of some cities.
select id, (extract(epoch from greatest(sealed_before, '0001-01-01Z')) * 1000000)::bigint as sealed_us
from city where id = any($1::text[])

-- name: shard_seals
-- The live cities of a shard: from when on readings are taken, and up to when they are gone.
select id, (extract(epoch from greatest(sealed_before, '0001-01-01Z')) * 1000000)::bigint as sealed_us,
       (extract(epoch from greatest(dropped_before, '0001-01-01Z')) * 1000000)::bigint as dropped_us
from city where shard = $1 and clock = 'live' order by id

-- name: live_cities
-- Every live city, its shard and its seal.
select id, shard,
       (extract(epoch from greatest(sealed_before, '0001-01-01Z')) * 1000000)::bigint as sealed_us
from city where clock = 'live' order by id

-- name: raise_seal
-- Refuse a city's readings from before a time. A seal never sinks.
update city set sealed_before = $2
where id = $1 and clock = 'live' and sealed_before < $2
returning id

-- name: keep_neighbours
-- Keep what buckets from $1 on can need of readings before: of each series the last one that no flag
-- excludes (found through the rollup that counts it) and all that reach over. $3: how far a reading
-- of each series reaches, microseconds; $4: the farthest of these; $5: readings before are gone
-- already, but for the neighbours kept then; $6: the flags that exclude.
with mine as (
    select series, back * interval '1 microsecond' as back
    from unnest($2::integer[], $3::bigint[]) as m (series, back)
), newest as materialized (
    -- One stretch of the key, read once, whatever the planner thinks of the join.
    select series_id, observed_at, value, rev, flags
    from reading
    where observed_at >= $1::timestamptz - $4::bigint * interval '1 microsecond'
      and observed_at >= $5 and observed_at < $1
), near as (
    select n.* from newest n join mine m on m.series = n.series_id
    where n.observed_at >= $1::timestamptz - m.back
), last as (
    select r.*
    from mine m
    cross join lateral (
        select timestamptz 'epoch' + u.last_t * interval '1 microsecond' as t
        from rollup u
        where u.series_id = m.series and u.bucket_begin < $1 and u.count > 0
          and u.last_t < (extract(epoch from $1::timestamptz) * 1000000)::bigint
        order by u.bucket_begin desc
        limit 1
    ) l
    cross join lateral (
        select series_id, observed_at, value, rev, flags
        from reading
        where observed_at = l.t and series_id = m.series and observed_at >= $5
        limit 1
    ) r
), known as (
    select * from near
    union select * from last
    union select n.series_id, n.observed_at, n.value, n.rev, n.flags
          from seal_neighbour n join mine m on m.series = n.series_id
), ranked as (
    select k.*, k.flags & $6::integer = 0 as fit,
           row_number() over (
               partition by k.series_id, k.flags & $6::integer = 0 order by k.observed_at desc
           ) as place
    from known k
)
insert into seal_neighbour (series_id, observed_at, value, rev, flags)
select k.series_id, k.observed_at, k.value, k.rev, k.flags
from ranked k join mine m on m.series = k.series_id
where (k.fit and k.place = 1) or k.observed_at + m.back > $1
on conflict do nothing

-- name: forget_neighbours
-- Let go of neighbours that no bucket from $1 on needs any more.
with mine as (
    select series, back * interval '1 microsecond' as back
    from unnest($2::integer[], $3::bigint[]) as m (series, back)
), ranked as (
    select n.*, n.flags & $4::integer = 0 as fit,
           row_number() over (
               partition by n.series_id, n.flags & $4::integer = 0 order by n.observed_at desc
           ) as place
    from seal_neighbour n join mine m on m.series = n.series_id
)
delete from seal_neighbour n using ranked k join mine m on m.series = k.series_id
where n.series_id = k.series_id and n.observed_at = k.observed_at
  and not ((k.fit and k.place = 1) or k.observed_at + m.back > $1)

-- name: let_go
-- From now on a city's readings before its seal count as gone.
update city set dropped_before = $2
where id = $1 and sealed_before >= $2 and dropped_before < $2
returning id

-- name: neighbours
-- What series keep of readings before the seal, in [$2, $3).
select observed_at, 0::bigint, value, rev, series_id, flags from seal_neighbour
where series_id = any($1::integer[]) and observed_at >= $2 and observed_at < $3

-- name: gone_before
-- Which live city with series is the last to let its readings go, and up to where it has.
select c.id, greatest(c.dropped_before, '0001-01-01Z') as at from city c
where c.clock = 'live' and exists (select from series s where s.city = c.id)
order by c.dropped_before, c.id
limit 1

-- name: holders
-- Series whose readings before a time are not to go.
select s.id, s.city from series s join city c on c.id = s.city
where c.clock <> 'live' or c.dropped_before < $1

-- name: with_rollups
-- Those of some series that have a rollup in [$2, $3): they surely have readings there.
select m.series from unnest($1::integer[]) as m (series)
where exists (select from rollup u where u.series_id = m.series
                and u.bucket_begin >= $2 and u.bucket_begin < $3)
limit 1

-- name: drop_revisions
-- Throw away a piece of the earlier values of keys in [$1, $2) that are gone.
delete from reading_revision
where ctid = any(array(
    select ctid from reading_revision
    where observed_at >= $1 and observed_at < $2 and series_id <> all($3::integer[])
    limit $4))

-- name: status
-- Every city: how its time runs, from when on readings are taken, up to when they are gone.
select id, clock, nullif(sealed_before, '-infinity') as sealed_before,
       nullif(dropped_before, '-infinity') as dropped_before
from city order by id
