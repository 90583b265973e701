-- Lanes: who may write which ordered stream of the commit log, and what number comes next.

-- name: take
-- Make or take over all rows of a lane; whoever held them before is fenced off by the new epoch.
insert into lane as l (lane, shard) select $1, s from generate_series(0, 63) as s order by s
on conflict (lane, shard) do update set epoch = l.epoch + 1
returning epoch

-- name: allocate
-- Take numbers in some shards, while the lane is still mine; the row locks keep the order of commits.
update lane l set next_seq = next_seq + wanted.count
from unnest($3::smallint[], $4::integer[]) as wanted (shard, count)
where l.lane = $1 and l.epoch = $2 and l.shard = wanted.shard
returning l.shard, l.next_seq - wanted.count as seq

-- name: positions
-- The next numbers of a lane, while it is still mine.
select shard, next_seq from lane where lane = $1 and epoch = $2

-- name: append
-- Write entries of the commit log.
insert into commit_log (shard, lane, seq, kind, body)
select k.shard, $1, k.seq, k.kind, k.body
from unnest($2::smallint[], $3::bigint[], $4::smallint[], $5::bytea[])
     as k (shard, seq, kind, body)

-- name: wake
-- Tell who follows the log that there is more, when this transaction commits.
select pg_notify('cityvitals_log', '')
