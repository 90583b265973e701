-- A partition belongs to the schema's owner, and is made by whoever needs one first. So that
-- writing readings asks for no owner's rights, making one is a function that runs with the owner's;
-- it makes months of our own partitioned tables and nothing else.

-- The schema's name is not known here, and a function with its owner's rights must not look for
-- its tables along its caller's search_path.
do $migration$
begin
    execute format($create$
        create function create_partition(parent text, year integer, month integer)
        returns boolean
        language plpgsql security definer
        set search_path = %I, pg_temp
        set datestyle = 'ISO, YMD'
        as $body$
        declare
            first_day date := make_date(year, month, 1);
            partition text := format('%%s_%%s', parent, to_char(first_day, 'YYYY_MM'));
        begin
            if not exists (
                select from pg_class c
                where c.relname = parent and c.relkind = 'p'
                  and c.relnamespace = quote_ident(current_schema())::regnamespace
            ) then
                raise undefined_table using message = format('%%s is no partitioned table of ours', parent);
            end if;
            perform pg_advisory_xact_lock(1129730113);
            if to_regclass(quote_ident(partition)) is not null then
                return false;
            end if;
            execute format('create table %%I (like %%I including all)', partition, parent);
            execute format('alter table %%I attach partition %%I for values from (%%L) to (%%L)',
                           parent, partition, first_day || ' 00:00:00+00',
                           (first_day + interval '1 month')::date || ' 00:00:00+00');
            return true;
        end
        $body$
    $create$, current_schema());
end
$migration$;

revoke execute on function create_partition(text, integer, integer) from public;
