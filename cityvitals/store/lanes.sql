-- Lanes: who may write which ordered stream of the commit log, and what number comes next.

-- name: take
-- Make or take over all rows of a lane; whoever held them before is fenced off by the new epoch.
insert into lane as l (lane, shard) select $1, s from generate_series(0, 63) as s order by s
on conflict (lane, shard) do update set epoch = l.epoch + 1
returning epoch

-- name: positions
-- The next numbers of a lane, while it is still mine.
select shard, next_seq from lane where lane = $1 and epoch = $2

-- name: settled_positions
-- The same, once no transaction that wrote in the lane is under way any more: one whose connection is lost may still commit.
select shard, next_seq from lane where lane = $1 and epoch = $2 order by shard for update

-- name: append
-- Write entries under the next numbers of the lane, while it is still mine, and wake who follows.
-- The row locks keep the order of numbers and of commits the same.
with mine as (
    update lane l set next_seq = l.next_seq + wanted.count
    from (select shard, count(*) from unnest($3::smallint[]) as s (shard) group by shard) as wanted
    where l.lane = $1 and l.epoch = $2 and l.shard = wanted.shard
    returning l.shard, l.next_seq - wanted.count as first
), written as (
    insert into commit_log (shard, lane, seq, kind, body)
    select m.shard, $1, m.first + k.place, k.kind, k.body
    from unnest($3::smallint[], $4::integer[], $5::smallint[], $6::bytea[])
         as k (shard, place, kind, body)
    join mine m on m.shard = k.shard
)
select shard, first, pg_notify('cityvitals_log', '')::text from mine

-- name: wake
-- Tell who follows the log that there is more, when this transaction commits.
select pg_notify('cityvitals_log', '')
