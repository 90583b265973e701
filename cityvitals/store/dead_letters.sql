-- Dead letters: what was rejected, with its original bytes, once for each message.

-- name: keep_messages
-- Keep the bytes of messages, and hold their rows: who touches letters holds their message first.
insert into dead_message as m (hash, topic, payload, last_at)
select k.hash, k.topic, k.payload, timestamptz 'epoch' + k.last_us * interval '1 microsecond'
from unnest($1::bytea[], $2::text[], $3::bytea[], $4::bigint[])
     as k (hash, topic, payload, last_us)
order by k.hash
on conflict (hash) do update set last_at = greatest(m.last_at, excluded.last_at)

-- name: keep
-- Keep rejected readings; identical poison raises a counter, and a failed replay only the reason.
insert into dead_letter as d (hash, index, city, gateway, reason, detail, times, first_at, last_at,
                              replayed_at, whole)
select k.hash, k.index, k.city, k.gateway, k.reason, k.detail, k.times,
       timestamptz 'epoch' + k.first_us * interval '1 microsecond',
       timestamptz 'epoch' + k.last_us * interval '1 microsecond',
       case when $10 then now() end, k.whole
from unnest($1::bytea[], $2::integer[], $3::text[], $4::text[],
            $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[],
            $11::boolean[])
     as k (hash, index, city, gateway, reason, detail, times, first_us, last_us, whole)
order by k.hash, k.index
on conflict (hash, index) do update set
    times = d.times + case when $10::boolean then 0 else excluded.times end,
    reason = excluded.reason, detail = excluded.detail, whole = excluded.whole,
    last_at = greatest(d.last_at, excluded.last_at),
    replayed_at = coalesce(excluded.replayed_at, d.replayed_at)

-- name: hold
-- Hold messages against all who touch their letters.
select from dead_message where hash = any($1::bytea[]) order by hash for update

-- name: settle
-- Remove letters whose readings are committed in this transaction.
delete from dead_letter d
using unnest($1::bytea[], $2::integer[]) as k (hash, index)
where d.hash = k.hash and d.index = k.index

-- name: drop_empty
-- Remove those of some messages that no letter needs any more, and say how many bytes they had.
with gone as (
    delete from dead_message m
    where m.hash = any($1::bytea[])
      and not exists (select from dead_letter d where d.hash = m.hash)
    returning octet_length(m.payload) as bytes
)
select count(*) as messages, coalesce(sum(bytes), 0)::bigint as bytes from gone

-- name: list
-- The newest letters that fit.
select d.*, m.topic, octet_length(m.payload) as bytes
from dead_letter d join dead_message m using (hash)
where ($1::text is null or d.city = $1) and ($2::text is null or d.gateway = $2)
  and ($3::text is null or d.reason = $3)
  and ($4::timestamptz is null or d.last_at >= $4)
  and ($5::timestamptz is null or d.last_at < $5)
  and ($6::bytea[] is null or exists (
      select from unnest($6::bytea[], $7::bytea[], $8::integer[]) as i (low, high, index)
      where d.hash between i.low and i.high and d.index = i.index))
order by d.last_at desc, d.hash, d.index
limit $9

-- name: count
-- How many letters fit.
select count(*) from dead_letter d
where ($1::text is null or d.city = $1) and ($2::text is null or d.gateway = $2)
  and ($3::text is null or d.reason = $3)
  and ($4::timestamptz is null or d.last_at >= $4)
  and ($5::timestamptz is null or d.last_at < $5)
  and ($6::bytea[] is null or exists (
      select from unnest($6::bytea[], $7::bytea[], $8::integer[]) as i (low, high, index)
      where d.hash between i.low and i.high and d.index = i.index))

-- name: page
-- The letters that fit, of the next few messages in the order of their hashes.
with few as (
    select distinct d.hash
    from dead_letter d
    where ($1::text is null or d.city = $1) and ($2::text is null or d.gateway = $2)
      and ($3::text is null or d.reason = $3)
      and ($4::timestamptz is null or d.last_at >= $4)
      and ($5::timestamptz is null or d.last_at < $5)
      and ($6::bytea[] is null or exists (
          select from unnest($6::bytea[], $7::bytea[], $8::integer[]) as i (low, high, index)
          where d.hash between i.low and i.high and d.index = i.index))
      and d.hash > $9
    order by d.hash
    limit $10
)
select d.hash, d.index, d.city, d.gateway, d.reason, d.first_at
from dead_letter d join few using (hash)
where ($1::text is null or d.city = $1) and ($2::text is null or d.gateway = $2)
  and ($3::text is null or d.reason = $3)
  and ($4::timestamptz is null or d.last_at >= $4)
  and ($5::timestamptz is null or d.last_at < $5)
  and ($6::bytea[] is null or exists (
      select from unnest($6::bytea[], $7::bytea[], $8::integer[]) as i (low, high, index)
      where d.hash between i.low and i.high and d.index = i.index))
order by d.hash, d.index

-- name: now
-- The server's clock, by which replayed_at is set.
select clock_timestamp()

-- name: page_by_arrival
-- The next letters that fit, those that came first before the others, but none that was replayed
-- since a time, nor what only came a minute after it: a replay ends, whatever comes meanwhile.
select d.hash, d.index, d.whole, d.first_at
from dead_letter d
where ($1::text is null or d.city = $1) and ($2::text is null or d.gateway = $2)
  and ($3::text is null or d.reason = $3)
  and ($4::timestamptz is null or d.last_at >= $4)
  and ($5::timestamptz is null or d.last_at < $5)
  and ($6::bytea[] is null or exists (
      select from unnest($6::bytea[], $7::bytea[], $8::integer[]) as i (low, high, index)
      where d.hash between i.low and i.high and d.index = i.index))
  and (d.first_at, d.hash, d.index) > ($9, $10::bytea, $11::integer)
  and d.first_at < $12::timestamptz + interval '1 minute'
  and (d.replayed_at is null or d.replayed_at < $12)
order by d.first_at, d.hash, d.index
limit $13

-- name: messages
-- Messages by hash.
select hash, topic, payload from dead_message where hash = any($1::bytea[]) order by hash

-- name: purge
-- Throw away letters, but those that came again meanwhile.
delete from dead_letter d
using unnest($1::bytea[], $2::integer[]) as k (hash, index)
where d.hash = k.hash and d.index = k.index
  and ($3::timestamptz is null or d.last_at < $3)
returning d.index
