-- What the live catalogue says of our schema, as the facts that schema.txt holds: whose part, what
-- kind of part, its name, and how it is defined. Partitions and chunks follow their parents, so
-- only these are asked; whether a table is partitioned, a hypertable or neither makes no difference.

-- name: catalogue
-- The facts of the current schema; what an extension made is its own business.
with mine as (
    select c.oid, c.relname, c.relkind, c.relpersistence, c.relrowsecurity
    from pg_class c
    where c.relnamespace = to_regnamespace(quote_ident(current_schema()))
      and c.relkind in ('r', 'p') and not c.relispartition
      and not exists (
          select from pg_depend d
          where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
)
select relname::text as owner, 'table' as kind, '' as name,
       concat_ws(' ', case when relpersistence = 'u' then 'unlogged' else 'logged' end,
                 case when relrowsecurity then 'row level security' end) as definition
from mine
union all
select m.relname, 'column', a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                 case when a.attcollation <> t.typcollation then 'collate ' || l.collname end,
                 case when a.attnotnull then 'not null' end,
                 case when a.attidentity <> '' then 'identity ' || a.attidentity::text end,
                 case when a.attgenerated <> '' then 'generated' end,
                 'default ' || pg_get_expr(d.adbin, d.adrelid))
from mine m
join pg_attribute a on a.attrelid = m.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_collation l on l.oid = a.attcollation
left join pg_attrdef d on d.adrelid = m.oid and d.adnum = a.attnum
union all
select m.relname, 'index', i.relname,
       concat_ws(' ', case when x.indisunique then 'unique' end,
                 substring(pg_get_indexdef(x.indexrelid) from ' USING (.*)$'),
                 case when not x.indisvalid then 'INVALID' end)
from mine m
join pg_index x on x.indrelid = m.oid
join pg_class i on i.oid = x.indexrelid
where not exists (select from pg_constraint k where k.conindid = x.indexrelid and k.conrelid = m.oid)
union all
select m.relname, 'constraint', k.conname, pg_get_constraintdef(k.oid)
from mine m
join pg_constraint k on k.conrelid = m.oid and k.contype in ('c', 'f', 'p', 'u', 'x')
union all
select m.relname, 'trigger', g.tgname,
       concat_ws(' ', substring(pg_get_triggerdef(g.oid) from '^CREATE (.*)$'),
                 case when g.tgenabled <> 'O' then 'enabled ' || g.tgenabled::text end)
from mine m
join pg_trigger g on g.tgrelid = m.oid and not g.tgisinternal
where not exists (
    select from pg_depend d
    where d.classid = 'pg_proc'::regclass and d.objid = g.tgfoid and d.deptype = 'e')
union all
select m.relname, 'rule', r.rulename, pg_get_ruledef(r.oid)
from mine m
join pg_rewrite r on r.ev_class = m.oid
union all
select p.proname, 'function', pg_get_function_identity_arguments(p.oid),
       concat_ws(' ', case when p.prosecdef then 'security definer' end,
                 replace(array_to_string(p.proconfig, ' '), quote_ident(current_schema()), 'SCHEMA'),
                 'body ' || md5(p.prosrc))
from pg_proc p
where p.pronamespace = to_regnamespace(quote_ident(current_schema()))
  and not exists (
      select from pg_depend d
      where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
