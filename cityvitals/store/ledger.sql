-- The ledger: what became of everything received, by lane and gateway.

-- name: book
-- Add a batch's counts; the table's check keeps the sum closed.
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
