-- Aggregators that are there, so that they share the shards: each takes its part, and gives back what is
-- another's.
create table aggregator (
    owner       text primary key,
    expires_at  timestamptz not null
);
comment on table aggregator is 'who derives, or is ready to: as long as its lease lasts';
