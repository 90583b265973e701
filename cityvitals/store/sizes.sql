-- How much room the tables take. Sizes are exact; rows are the server's estimate.

-- name: plain
-- Tables with all their partitions. An estimate of rows is null where a part with pages was never analysed.
select t.relname::text as name,
       coalesce(sum(pg_table_size(l.oid)), 0)::bigint as rows_bytes,
       coalesce(sum(pg_indexes_size(l.oid)), 0)::bigint as keys_bytes,
       case when bool_or(l.reltuples < 0 and pg_relation_size(l.oid) > 0) then null
            else coalesce(sum(l.reltuples / nullif(l.relpages, 0) * pg_relation_size(l.oid)
                              / current_setting('block_size')::int), 0)::bigint
       end as rows,
       count(l.oid) filter (where l.oid <> t.oid) as parts
from pg_class t
left join lateral (
    select t.oid as relid where t.relkind = 'r'
    union all
    select relid from pg_partition_tree(t.oid) where isleaf and t.relkind = 'p' and relid <> t.oid
) p on true
left join pg_class l on l.oid = p.relid
where t.relnamespace = current_schema()::regnamespace and t.relkind in ('r', 'p')
  and not t.relispartition
group by t.relname

-- name: hyper
-- Hypertables with all their chunks, compressed or not; before and after are of the compressed ones. No estimate says 0.
select h.hypertable_name::text as name,
       (s.table_bytes + s.toast_bytes)::bigint as rows_bytes, s.index_bytes as keys_bytes,
       nullif(approximate_row_count(r.id), 0) as rows, h.num_chunks as parts,
       coalesce(c.number_compressed_chunks, 0) as compressed_parts,
       coalesce(c.before_compression_total_bytes, 0)::bigint as before_bytes,
       coalesce(c.after_compression_total_bytes, 0)::bigint as after_bytes
from timescaledb_information.hypertables h
cross join lateral (
    select format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass as id
) r
cross join lateral hypertable_detailed_size(r.id) s
left join lateral hypertable_columnstore_stats(r.id) c on true
where h.hypertable_schema = current_schema()

-- name: count_reading
-- Every reading, counted.
select count(*) from reading

-- name: server
-- What the server calls itself.
select 'PostgreSQL ' || current_setting('server_version')
       || coalesce((select ', TimescaleDB ' || extversion from pg_extension where extname = 'timescaledb'), '')
