-- Committing a batch: what the store knows of its keys, and what changes there.
-- Times travel as microseconds since 1970, because arrays of numbers encode ten times faster.

-- name: lock_shards
-- Let transactions that look before they write go one after the other, shard by shard, in this order.
select pg_advisory_xact_lock(1129730130, shard) from unnest($1::integer[]) as s (shard)

-- name: current
-- The current rows of some keys, by their position in the arrays. Key by key: a join may read all that lies between the first and the last of them instead, and decompress it.
select k.position, r.value, r.rev, r.flags,
       coalesce(k.t + r.lag_ms * 1000, (extract(epoch from r.received_at) * 1000000)::bigint)
       as received
from unnest($1::bigint[], $2::integer[]) with ordinality as k (t, series, position)
cross join lateral (
    select value, rev, flags, lag_ms, received_at from reading
    where observed_at = timestamptz 'epoch' + k.t * interval '1 microsecond'
      and series_id = k.series
      and observed_at between timestamptz 'epoch' + $3::bigint * interval '1 microsecond'
                          and timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
    limit 1
) r

-- name: earlier
-- Which of some readings were said before and are not current: asked for each by its whole key, since a key may have any number of revisions.
select k.t, k.series, v.rev, v.value
from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::float8[]) as k (t, series, rev, value)
join reading_revision v on v.observed_at = timestamptz 'epoch' + k.t * interval '1 microsecond'
                       and v.series_id = k.series and v.rev = k.rev and v.value = k.value

-- name: change
-- Put new current values in the place of old ones. An UPDATE by a join would decompress whatever lies in its range of time; the arbiter finds the one compressed batch that holds a key.
insert into reading (observed_at, series_id, value, rev, flags, lag_ms)
select timestamptz 'epoch' + k.t * interval '1 microsecond', k.series, k.value, k.rev, k.flags,
       floor((k.received - k.t) / 1000::float8)::bigint
from unnest($1::bigint[], $2::integer[], $3::float8[], $4::bigint[], $5::integer[], $6::bigint[])
     as k (t, series, value, rev, flags, received)
on conflict (observed_at, series_id) do update set
    value = excluded.value, rev = excluded.rev, flags = excluded.flags,
    lag_ms = excluded.lag_ms, received_at = null

-- name: keep_beside
-- Keep what is not current beside it.
insert into reading_revision (observed_at, series_id, value, rev, flags, received_at)
select timestamptz 'epoch' + k.t * interval '1 microsecond', k.series, k.value, k.rev, k.flags,
       timestamptz 'epoch' + k.received * interval '1 microsecond'
from unnest($1::bigint[], $2::integer[], $3::float8[], $4::bigint[], $5::integer[], $6::bigint[])
     as k (t, series, value, rev, flags, received)
on conflict do nothing
