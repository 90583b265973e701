-- A partition belongs to the schema's owner, and is made by whoever needs one first. So that
-- writing readings asks for no owner's rights, making one is a function that runs with the owner's.
-- It makes spans of our own partitioned tables, bounded as their names say, and nothing else.

-- The schema's name is not known here, and a function with its owner's rights must not look for
-- its tables along its caller's search_path.
do $migration$
begin
    execute format($create$
        create function create_partition(parent text, span text) returns boolean
        language plpgsql security definer
        set search_path = %I, pg_temp
        set datestyle = 'ISO, YMD'
        set timezone = 'UTC'
        as $body$
        declare
            partition text := format('%%s_%%s', parent, span);
            lower_bound text := 'minvalue';
            upper_bound text := 'maxvalue';
            first_day date;
        begin
            if not exists (
                select from pg_class c
                where c.relname = parent and c.relkind = 'p'
                  and c.relnamespace = quote_ident(current_schema())::regnamespace
            ) then
                raise undefined_table
                    using message = format('%%s is no partitioned table of ours', parent);
            end if;
            if span = 'past' then
                upper_bound := quote_literal('2000-01-01 00:00:00+00');
            elsif span = 'future' then
                lower_bound := quote_literal('2100-01-01 00:00:00+00');
            elsif span ~ '^[0-9]{4}(_[0-9]{2})?$' then
                first_day := make_date(split_part(span, '_', 1)::integer,
                                       coalesce(nullif(split_part(span, '_', 2), ''), '1')::integer, 1);
                lower_bound := quote_literal(first_day || ' 00:00:00+00');
                upper_bound := quote_literal(
                    (first_day + case when span like '%%\_%%' then interval '1 month'
                                      else interval '1 year' end)::date || ' 00:00:00+00');
            else
                raise invalid_parameter_value
                    using message = format('%%s is no span: past, future, a year or a month', span);
            end if;
            perform pg_advisory_xact_lock(1129730113);
            if to_regclass(quote_ident(partition)) is not null then
                return false;
            end if;
            execute format('create table %%I (like %%I including all)', partition, parent);
            execute format('alter table %%I attach partition %%I for values from (%%s) to (%%s)',
                           parent, partition, lower_bound, upper_bound);
            return true;
        end
        $body$
    $create$, current_schema());
end
$migration$;

revoke execute on function create_partition(text, text) from public;
