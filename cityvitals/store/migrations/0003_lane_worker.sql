-- Who runs which lane: a worker says so every few seconds. A row that is no longer refreshed
-- is a session at the broker that still gets its share of messages, and that others must empty.
create table if not exists lane_worker (
    lane        text primary key,
    share       text not null,
    broker      text not null,
    epoch       bigint not null,
    started_at  timestamptz not null,
    seen_at     timestamptz not null,
    in_flight   integer not null default 0
);
