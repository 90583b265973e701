-- Partitions of `reading`: which there are, and taking them away for good.

-- name: only_one
-- Whether this session alone drops partitions now.
select pg_try_advisory_lock(1129731922)

-- name: done
-- Let another session drop partitions.
select pg_advisory_unlock(1129731922)

-- name: partitions
-- The partitions of `reading` with their bounds, and whether a detachment was cut short.
select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds, i.inhdetachpending as pending,
       pg_total_relation_size(c.oid) as bytes
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'reading'::regclass
order by c.relname

-- name: detached
-- What was a partition and is to be dropped; its comment says what it held.
select c.relname as name, obj_description(c.oid, 'pg_class') as bounds
from pg_class c
where c.relnamespace = (select relnamespace from pg_class where oid = 'reading'::regclass)
  and c.relname like 'reading\_gone\_%' and c.relkind = 'r'
  and not exists (select from pg_inherits i where i.inhrelid = c.oid)
order by c.relname

-- name: series_there
-- One of some series that has a reading in [$2, $3).
select series_id from reading
where series_id = any($1::integer[]) and observed_at >= $2 and observed_at < $3
limit 1

-- name: times_there
-- When readings of some series were observed that lie in a detached partition.
select distinct date_trunc('day', observed_at, 'UTC') as day
from reading_gone_name where series_id = any($1::integer[])

-- name: give_back
-- Put readings of some series, that lie in a detached partition, where they were.
insert into reading select * from reading_gone_name where series_id = any($1::integer[])
on conflict do nothing

-- name: chunks
-- The chunks of `reading` on TimescaleDB, with their bounds and what they take, compressed or not.
select format('%I.%I', c.chunk_schema, c.chunk_name) as name, c.range_start as begin,
       c.range_end as end, coalesce(s.total_bytes, 0) as bytes
from timescaledb_information.chunks c
left join chunks_detailed_size('reading') s
    on s.chunk_schema = c.chunk_schema and s.chunk_name = c.chunk_name
where format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = 'reading'::regclass
order by c.range_start
