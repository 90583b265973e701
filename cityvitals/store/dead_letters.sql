-- Dead letters: what was rejected, with its original bytes.

-- name: keep
-- Keep rejected readings; identical poison raises a counter instead of filling the disk.
insert into dead_letter as d (hash, index, topic, payload, city, gateway, reason, detail,
                              times, first_at, last_at)
select k.hash, k.index, k.topic, k.payload, k.city, k.gateway, k.reason, k.detail, k.times,
       timestamptz 'epoch' + k.first_us * interval '1 microsecond',
       timestamptz 'epoch' + k.last_us * interval '1 microsecond'
from unnest($1::bytea[], $2::integer[], $3::text[], $4::bytea[], $5::text[], $6::text[],
            $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[])
     as k (hash, index, topic, payload, city, gateway, reason, detail, times, first_us, last_us)
on conflict (hash, index) do update set
    times = d.times + excluded.times, reason = excluded.reason, detail = excluded.detail,
    last_at = greatest(d.last_at, excluded.last_at)
