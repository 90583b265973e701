-- The roles of a CityVitals database, each for one purpose. Run once, as superuser, before the first
-- `cityvitals migrate`; running it again changes nothing:
--
--     psql -v ON_ERROR_STOP=1 -v database=cityvitals -f deploy/database/roles.sql
--
-- `cityvitals migrate`, as owner, then grants each what it needs (cityvitals/store/grants.sql).
-- Passwords are set afterwards, by `\password cityvitals_owner` and so on: they stay out of files.

select format('create role %I login', role)
from unnest(array['cityvitals_owner', 'cityvitals_writer',
                  'cityvitals_aggregator', 'cityvitals_reader']) as role
where not exists (select from pg_roles where rolname = role) \gexec

select format('create database %I owner cityvitals_owner', :'database')
where not exists (select from pg_database where datname = :'database') \gexec

alter database :"database" owner to cityvitals_owner;
revoke all on database :"database" from public;
grant connect on database :"database" to cityvitals_reader;
-- These two stage rows in temporary tables.
grant connect, temporary on database :"database" to cityvitals_writer, cityvitals_aggregator;

\connect :"database"

-- Else everybody who may connect could make functions that others call by mistake.
revoke all on schema public from public;
-- The schema belongs to the database's owner, and so to cityvitals_owner; tables of a time before
-- the roles do not yet:  reassign owned by <their owner> to cityvitals_owner;
