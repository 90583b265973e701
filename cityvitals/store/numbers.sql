-- Running numbers of gateways.

-- name: begin
-- Make the rows of gateways that begin to count.
insert into gateway_seq (gateway)
select g.id
from unnest($1::text[], $2::text[]) as k (city, name)
join gateway g on g.city = k.city and g.name = k.name
where not exists (select from gateway_seq s where s.gateway = g.id)
order by g.id
on conflict do nothing

-- name: hold
-- What has arrived of some gateways, held until this transaction ends.
select s.gateway, g.city, g.name, s.ranges, s.floor, s.lost, s.resets
from unnest($1::text[], $2::text[]) as k (city, name)
join gateway g on g.city = k.city and g.name = k.name
join gateway_seq s on s.gateway = g.id
order by s.gateway
for update of s

-- name: note
-- Take note of what arrived of one gateway.
update gateway_seq set ranges = $2, floor = $3, lost = $4, resets = $5 where gateway = $1
