-- Dead letters: what was rejected, with its original bytes. Whoever writes letters holds their
-- messages' rows first, in the order of the key: so nobody waits in a circle, and no message goes
-- while a letter comes.

-- name: keep_messages
-- Keep the bytes of messages once each, and hold the rows of those that are kept already.
insert into dead_message as m (hash, topic, payload)
select * from unnest($1::bytea[], $2::text[], $3::bytea[])
-- The update never takes place; it is there for the lock.
on conflict (hash) do update set topic = excluded.topic where m.hash <> excluded.hash

-- name: keep
-- Keep rejected readings; identical poison raises a counter instead of filling the disk.
insert into dead_letter as d (hash, index, city, gateway, reason, detail, whole, times,
                              first_at, last_at)
select k.hash, k.index, k.city, k.gateway, k.reason, k.detail, k.whole, k.times,
       timestamptz 'epoch' + k.first_us * interval '1 microsecond',
       timestamptz 'epoch' + k.last_us * interval '1 microsecond'
from unnest($1::bytea[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::boolean[], $8::bigint[], $9::bigint[], $10::bigint[])
     as k (hash, index, city, gateway, reason, detail, whole, times, first_us, last_us)
on conflict (hash, index) do update set
    times = d.times + excluded.times, reason = excluded.reason, detail = excluded.detail,
    whole = excluded.whole,
    last_at = greatest(d.last_at, excluded.last_at)

-- name: restate
-- Say of letters that were tried again why they are still dead; they did not come again.
insert into dead_letter as d (hash, index, city, gateway, reason, detail, whole, times,
                              first_at, last_at)
select k.hash, k.index, k.city, k.gateway, k.reason, k.detail, k.whole, k.times,
       timestamptz 'epoch' + k.first_us * interval '1 microsecond',
       timestamptz 'epoch' + k.last_us * interval '1 microsecond'
from unnest($1::bytea[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::boolean[], $8::bigint[], $9::bigint[], $10::bigint[])
     as k (hash, index, city, gateway, reason, detail, whole, times, first_us, last_us)
on conflict (hash, index) do update set
    reason = excluded.reason, detail = excluded.detail, whole = excluded.whole

-- name: hold
-- Hold messages against whoever writes letters of theirs.
select hash from dead_message where hash = any($1::bytea[]) order by hash for update

-- name: drop
-- Remove letters by their keys.
delete from dead_letter d using unnest($1::bytea[], $2::integer[]) as k (hash, index)
where d.hash = k.hash and d.index = k.index

-- name: drop_aged
-- Remove letters by their keys, except where they came again since a time.
delete from dead_letter d using unnest($1::bytea[], $2::integer[]) as k (hash, index)
where d.hash = k.hash and d.index = k.index and d.last_at < $3

-- name: drop_messages
-- Remove messages that no letter refers to any more.
delete from dead_message m where hash = any($1::bytea[])
and not exists (select from dead_letter d where d.hash = m.hash)

-- name: find_aged
-- The oldest letters that last came before a time; '' is any.
select hash, index from dead_letter
where last_at < $1 and ($2::text = '' or city = $2) and ($3::text = '' or gateway = $3)
and ($4::text = '' or reason = $4)
order by last_at, hash, index limit $5

-- name: count_aged
-- How many letters of how many messages last came before a time; '' is any.
select count(*) as letters, count(distinct hash) as messages from dead_letter
where last_at < $1 and ($2::text = '' or city = $2) and ($3::text = '' or gateway = $3)
and ($4::text = '' or reason = $4)
