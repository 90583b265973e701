-- The ledger: what became of everything received, by lane and gateway.

-- name: book
-- Add a batch's counts; the table's check keeps the sum closed. Gateways and cities that nobody
-- registered share the row '', or whoever makes up names could fill the table.
insert into ledger as l (lane, city, gateway, received, stored, duplicate, revised, rejected)
select $1, k.city, k.gateway, sum(k.stored + k.duplicate + k.revised + k.rejected),
       sum(k.stored), sum(k.duplicate), sum(k.revised), sum(k.rejected)
from (
    select case when u.known then u.city else coalesce(c.id, '') end as city,
           case when u.known then u.gateway else coalesce(g.name, '') end as gateway,
           u.stored, u.duplicate, u.revised, u.rejected
    from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                $8::boolean[])
         as u (city, gateway, stored, duplicate, revised, rejected, known)
    left join city c on not u.known and c.id = u.city
    left join gateway g on not u.known and g.city = u.city and g.name = u.gateway
) as k
group by k.city, k.gateway
order by k.city, k.gateway
on conflict (lane, city, gateway) do update set
    received = l.received + excluded.received,
    stored = l.stored + excluded.stored,
    duplicate = l.duplicate + excluded.duplicate,
    revised = l.revised + excluded.revised,
    rejected = l.rejected + excluded.rejected

-- name: book_known
-- The same of gateways that are all registered and named once, in half the time.
insert into ledger as l (lane, city, gateway, received, stored, duplicate, revised, rejected)
select $1, k.city, k.gateway, k.stored + k.duplicate + k.revised + k.rejected,
       k.stored, k.duplicate, k.revised, k.rejected
from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     as k (city, gateway, stored, duplicate, revised, rejected)
on conflict (lane, city, gateway) do update set
    received = l.received + excluded.received,
    stored = l.stored + excluded.stored,
    duplicate = l.duplicate + excluded.duplicate,
    revised = l.revised + excluded.revised,
    rejected = l.rejected + excluded.rejected

-- name: read
-- What became of everything received, by city and gateway over all lanes, and what is missing.
select l.city, l.gateway, l.received, l.stored, l.duplicate, l.revised, l.rejected,
       coalesce(s.lost + missing.count, 0)::bigint as lost, coalesce(s.resets, 0) as resets
from (
    select city, gateway, sum(received)::bigint as received, sum(stored)::bigint as stored,
           sum(duplicate)::bigint as duplicate, sum(revised)::bigint as revised,
           sum(rejected)::bigint as rejected
    from ledger
    where $1::text is null or city = $1
    group by city, gateway
) as l
left join gateway g on g.city = l.city and g.name = l.gateway
left join gateway_seq s on s.gateway = g.id
left join lateral (
    select upper(s.ranges) - lower(s.ranges) - coalesce(sum(upper(r) - lower(r)), 0) as count
    from unnest(s.ranges) as r
) as missing on not isempty(s.ranges)
order by l.city, l.gateway

-- name: in_flight
-- Messages that workers seen within a minute hold and have not committed, of all cities.
select coalesce(sum(in_flight), 0)::bigint as messages, count(*) as workers
from lane_worker
where seen_at > now() - interval '1 minute'
