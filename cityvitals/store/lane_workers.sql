-- Workers: who runs which lane, and whose lane nobody runs.

-- name: beat
-- Say that a worker lives; one that lost the lane to a later epoch says nothing.
insert into lane_worker as w (lane, share, broker, epoch, started_at, seen_at, in_flight)
values ($1, $2, $3, $4, now(), now(), $5)
on conflict (lane) do update set
    share = excluded.share,
    broker = excluded.broker,
    epoch = excluded.epoch,
    started_at = case when w.epoch = excluded.epoch then w.started_at else excluded.started_at end,
    seen_at = excluded.seen_at,
    in_flight = excluded.in_flight
where w.epoch <= excluded.epoch

-- name: others
-- Other lanes that share the same messages of the same broker.
select lane, epoch, seen_at from lane_worker where share = $1 and broker = $2 and lane <> $3

-- name: claim
-- The right to empty a lane, which ends with this connection.
select pg_try_advisory_lock(hashtextextended('cityvitals drains ' || $1, 0))

-- name: is_unseen
-- Whether nobody has said anything of a lane since it was looked at.
select exists (select from lane_worker where lane = $1 and epoch = $2 and seen_at = $3)

-- name: remove
-- Forget a worker whose lane is empty, unless it is back.
delete from lane_worker where lane = $1 and epoch = $2 and seen_at = $3
