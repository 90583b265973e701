-- Drops all that is not the server's or an extension's, in the one database there is. The extension
-- stays, since a backend that has dropped it cannot have it again.

do $$
declare
    statement text;
begin
    perform delete_job(job_id) from timescaledb_information.jobs where job_id >= 1000;
    foreach statement in array array(
        with ours as (
            select n.oid, n.nspname from pg_namespace n
            where n.nspname !~ '^(pg_|_timescaledb)' and n.nspname <> 'information_schema'
              and not exists (select from pg_depend d where d.objid = n.oid and d.deptype = 'e')
        ), things as (
            select c.oid, c.relnamespace as schema, case c.relkind
                   when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                   when 'c' then 'type' else 'table' end as kind, c.oid::regclass::text as name
            from pg_class c where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c')
            union all
            select p.oid, p.pronamespace, 'routine', p.oid::regprocedure::text from pg_proc p
            union all
            select t.oid, t.typnamespace, 'type', t.oid::regtype::text from pg_type t
            where t.typtype in ('d', 'e', 'r')
        )
        select format('drop %s if exists %s cascade', t.kind, t.name)
        from things t join ours o on o.oid = t.schema
        where o.nspname = 'public'
          and not exists (
              select from pg_depend d where d.objid = t.oid
              and (d.deptype = 'e' or (d.deptype = 'i' and t.kind = 'sequence'))
          )
        union all
        select format('drop schema if exists %I cascade', nspname) from ours where nspname <> 'public'
    ) loop
        execute statement;
    end loop;
end $$
