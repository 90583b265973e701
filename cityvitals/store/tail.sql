-- Following the commit log.

-- name: heads
-- The newest sequence number of every lane of some shards.
select shard, lane, next_seq - 1 as head from lane where shard = any($1::smallint[]) and next_seq > 1

-- name: entries
-- Entries after a cursor in each of some lanes, in the order they were committed there: at most $4
-- of a lane, and no more once they come to $5 bytes.
select l.shard, l.lane, l.seq, l.kind, b.body
from unnest($1::smallint[], $2::text[], $3::bigint[]) as cursor (shard, lane, after)
cross join lateral (
    select shard, lane, seq, kind,
           sum(octet_length(body)) over (order by seq) - octet_length(body) as before
    from (
        select * from commit_log
        where shard = cursor.shard and lane = cursor.lane and seq > cursor.after
        order by seq limit $4
    ) next
) l
join commit_log b on b.shard = l.shard and b.lane = l.lane and b.seq = l.seq
where l.before < $5
order by l.shard, l.lane, l.seq

-- name: prune
-- Drop what lies behind a checkpoint in one lane: a stretch of the key.
delete from commit_log where shard = $1 and lane = $2 and seq <= $3

-- name: append
-- Give a lane of a shard its next number and write an entry there.
with numbered as (
    insert into lane as l (lane, shard, next_seq) values ($2, $1, 2)
    on conflict (lane, shard) do update set next_seq = l.next_seq + 1
    returning next_seq - 1 as seq
)
insert into commit_log (shard, lane, seq, kind, body)
select $1, $2, numbered.seq, $3, $4 from numbered
