-- Who derives a shard.

-- name: announce
-- Say that I am there as long as a lease lasts.
insert into aggregator (owner, expires_at) values ($1, clock_timestamp() + $2)
on conflict (owner) do update set expires_at = excluded.expires_at

-- name: present
-- Who is there.
select owner from aggregator where expires_at > clock_timestamp()

-- name: to_share
-- Which shards have a city, and which are nobody's.
select s.shard, s.expires_at < clock_timestamp() as is_free,
       exists (select from city c where c.shard = s.shard) as is_populated
from shard s

-- name: resign
-- I am gone, like all whose lease ran out.
delete from aggregator where owner = $1 or expires_at < clock_timestamp()

-- name: claim
-- Take every shard of these whose lease has run out; null means of all.
update shard set owner = $1, epoch = epoch + 1, expires_at = clock_timestamp() + $2
where shard in (
    select shard from shard
    where expires_at < clock_timestamp() and ($3::smallint[] is null or shard = any($3))
    order by shard for update skip locked
)
returning shard, epoch, cursors, waiting, ended, rebuild

-- name: renew
-- Keep what is still mine; an epoch that moved on is not.
update shard s set expires_at = clock_timestamp() + $4
from unnest($2::smallint[], $3::bigint[]) as mine (shard, epoch)
where s.shard = mine.shard and s.epoch = mine.epoch and s.owner = $1
returning s.shard

-- name: release
-- Give mine back at once.
update shard s set owner = null, expires_at = '-infinity'
from unnest($2::smallint[], $3::bigint[]) as mine (shard, epoch)
where s.shard = mine.shard and s.epoch = mine.epoch and s.owner = $1

-- name: hold
-- Lock a shard's row while its epoch is still mine.
select 1 from shard where shard = $1 and epoch = $2 for update

-- name: cursors
-- How far a shard's log is taken.
select cursors from shard where shard = $1

-- name: advance
-- Move a shard's cursors, and say what is left to do, in the transaction that holds it.
update shard set cursors = $2, waiting = $3, ended = $4 where shard = $1

-- name: forget_rebuild
-- What is to be rebuilt is in a held shard's checkpoint now.
update shard set rebuild = false where shard = $1

-- name: save_checkpoint
-- Keep a shard's state beside the cursors it stands for.
insert into checkpoint (shard, epoch, cursors, body) values ($1, $2, $3, $4)
on conflict (shard) do update
set epoch = excluded.epoch, cursors = excluded.cursors, body = excluded.body, created_at = now()

-- name: load_checkpoint
-- A shard's last state.
select cursors, body from checkpoint where shard = $1
