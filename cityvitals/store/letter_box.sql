-- Dead letters as people and replays look at them.

-- name: list
-- Letters, newest first; '' is any.
select d.hash, d.index, d.city, d.gateway, d.reason, d.detail, d.times, d.first_at, d.last_at,
       m.topic
from dead_letter d join dead_message m using (hash)
where d.last_at >= $1 and ($2::text = '' or d.city = $2) and ($3::text = '' or d.gateway = $3)
and ($4::text = '' or d.reason = $4)
order by d.last_at desc, d.hash desc, d.index desc limit $5

-- name: named
-- The letters that a range of hashes and an index name; two are enough to see it is ambiguous.
select d.hash, d.index, d.city, d.gateway, d.reason, d.detail, d.times, d.first_at, d.last_at,
       m.topic, m.payload
from dead_letter d join dead_message m using (hash)
where d.hash between $1 and $2 and d.index = $3
order by d.hash limit 2

-- name: page
-- Letters to try again, oldest first and from a place on; '' is any. Their keys may be given.
select d.hash, d.index, d.whole, d.last_at,
       case when d.whole then 1 + octet_length(m.payload) / 64 else 1 end as weight
from dead_letter d join dead_message m using (hash)
where (d.last_at, d.hash, d.index) > ($1, $2::bytea, $3::integer) and d.last_at <= $4
and ($5::text = '' or d.city = $5) and ($6::text = '' or d.gateway = $6)
and ($7::text = '' or d.reason = $7)
and ($8::bytea[] is null or (d.hash, d.index) in (select * from unnest($8, $9::integer[])))
order by d.last_at, d.hash, d.index limit $10

-- name: messages
-- The bytes of messages.
select hash, topic, payload from dead_message where hash = any($1::bytea[])
