-- What each role of deploy/database/roles.sql may do, and nothing else. `cityvitals migrate` runs
-- this as the schema's owner after every migration, so that a new table is nobody's by chance.
-- {role}, {schema}, {tables} and {sequences} are filled in, quoted.

-- name: roles
-- Those of our roles that the server has.
select rolname::text as role from pg_roles
where rolname in ('cityvitals_writer', 'cityvitals_aggregator', 'cityvitals_reader')
order by rolname

-- name: lock
-- Nobody makes a partition meanwhile: two who change a table's catalogue entry at once fail.
select pg_advisory_xact_lock(1129730113)

-- name: owned
-- The current schema, and what in it is ours to grant, partitions too.
select quote_ident(current_schema()) as schema,
       string_agg(quote_ident(relname), ', ') filter (where relkind <> 'S') as tables,
       string_agg(quote_ident(relname), ', ') filter (where relkind = 'S') as sequences
from pg_class
where relnamespace = quote_ident(current_schema())::regnamespace and relkind in ('r', 'p', 'S')
  and pg_has_role(relowner, 'usage')

-- name: base
-- A clean slate: to see everything. What is made later, partitions above all, can be seen too.
revoke all on {tables} from {role};
revoke all on sequence {sequences} from {role};
revoke all on function create_partition(text, text) from {role};
grant usage on schema {schema} to {role};
grant select on {tables} to {role};
alter default privileges in schema {schema} grant select on tables to {role}

-- name: cityvitals_reader
-- api, verify, ledger, backups, which ask for sequences too: changes nothing.
grant select on sequence {sequences} to {role};
alter default privileges in schema {schema} grant select on sequences to {role}

-- name: cityvitals_writer
-- An API that facts are stated through is a writer, too: it notes each change. Tokens are made by it.
grant insert, update on api_token to {role};
grant insert on api_audit, alert_event to {role};
grant update (acknowledged_at, acknowledged_by, comment, events) on alert to {role};
-- ingest, registry, deadletters: what was said, and the books on it. What was said stays: readings
-- are added and revised, never deleted, and the log is only appended to.
grant insert, update on city, zone, gateway, sensor, placement, series_declaration, gateway_seq,
    reading, lane, ledger, fact, target, "limit" to {role};
grant insert on series, reading_revision, commit_log to {role};
grant insert, update, delete on dead_letter, dead_message, lane_worker to {role};
grant execute on function create_partition(text, text) to {role}

-- name: cityvitals_aggregator
-- aggregate: what is derived. It numbers changes, and clears away what of the log it has taken.
grant insert, update, delete on rollup to {role};
grant insert, update on indicator_latest, checkpoint, lane to {role};
grant insert on indicator, change, commit_log, rule, alert, alert_event, alert_rule to {role};
grant update on alert to {role};
grant update (change_number) on alert_event to {role};
grant insert, update, delete on alert_judged to {role};
grant delete on change, commit_log to {role};
grant update on shard to {role};
grant insert, update, delete on aggregator to {role};
grant update (change_number, sealed_before, dropped_before) on city to {role};
grant insert, delete on seal_neighbour to {role};
grant update (definition) on rule to {role};
grant execute on function create_partition(text, text) to {role}
