-- Who runs which lane: a worker says so every few seconds. A row that is no longer refreshed
-- is a session at the broker that still gets its share of messages, and that others must empty.
create table lane_worker (
    lane        text primary key,
    share       text not null,
    broker      text not null,
    epoch       bigint not null,
    started_at  timestamptz not null default now(),
    seen_at     timestamptz not null default now(),
    in_flight   integer not null default 0 check (in_flight >= 0)
) with (fillfactor = 50);
