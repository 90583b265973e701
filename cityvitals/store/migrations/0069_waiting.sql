-- How much a shard's owner still has to do after the log: a cycle has a time, so what it touched may
-- wait for a later one. Only its owner knew, so nobody could tell a shard at rest from a busy one.
alter table shard add column waiting bigint not null default 0 check (waiting >= 0);
alter table shard add column ended bigint not null default 0 check (ended >= 0);
comment on column shard.waiting is
    'stretches to recompute and windows to derive that the log no longer tells of';
comment on column shard.ended is
    'windows that ended, and become final once nothing has come for them for a while';
