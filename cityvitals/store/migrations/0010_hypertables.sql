-- How a natively partitioned table becomes a hypertable, where the server has TimescaleDB. Plain
-- PostgreSQL never calls it. `cityvitals/store/hypertables.py` does, after every migration.

-- One statement, so one transaction: after a crash the table is what it was. Returns 'made', 'there'
-- (it is no partitioned table any more), or 'holds rows', and then nothing was changed.
create function make_hypertable(name text, by_column text, chunk interval)
returns text
language plpgsql
as $body$
declare
    old regclass := to_regclass(quote_ident(name));
    beside text := name || '_to_be';
    holds boolean;
    indexes text[];
    one text;
begin
    if (select relkind from pg_class where oid = old) <> 'p' then
        return 'there';
    end if;
    execute format('lock table %s in access exclusive mode', old);
    execute format('select exists (select from %s)', old) into holds;
    if holds then
        return 'holds rows';
    end if;
    select array_agg(replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') order by indexrelid)
    into indexes from pg_index where indrelid = old;
    execute format('create table %I (like %s including all excluding indexes)', beside, old);
    execute format('drop table %s', old);
    execute format('alter table %I rename to %I', beside, name);
    foreach one in array coalesce(indexes, '{}') loop
        execute one;
    end loop;
    execute format(
        'select create_hypertable(%L, by_range(%L, %L::interval), create_default_indexes => false)',
        quote_ident(name), by_column, chunk
    );
    return 'made';
end
$body$;

revoke execute on function make_hypertable(text, text, interval) from public;
