-- What kind of database this is: plain SQL that any PostgreSQL answers.

-- name: offer
-- What the server has of TimescaleDB. Its settings are there once its library is loaded; one that a configuration file names without it is a placeholder and not listed.
select (select default_version from pg_available_extensions where name = 'timescaledb') as available,
       (select extversion from pg_extension where extname = 'timescaledb') as installed,
       exists (select from pg_settings where name like 'timescaledb.%') as loaded,
       current_setting('timescaledb.license', true) as licence,
       (select relkind from pg_class where oid = to_regclass('reading')) = 'r' as in_use

-- name: install
-- Have the extension in this database; it is a trusted one, so a database's owner may.
create extension if not exists timescaledb

-- name: holding
-- Whether natively partitioned tables hold rows already.
select exists (select from reading) or exists (select from rollup) or exists (select from indicator)

-- name: plan_by_values
-- Until this transaction's end no plan is made without looking at the values.
select set_config('plan_cache_mode', 'force_custom_plan', true)
