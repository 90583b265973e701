-- Tokens of the API, and what was changed by them.

-- name: add
-- A new token, of which only the hash is kept.
insert into api_token (id, hash, name, scopes, cities, expires_at)
values ($1, $2, $3, $4, $5, $6)
returning created_at

-- name: find
-- The token with this hash that is in force.
select id, name, scopes, cities from api_token
where hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())

-- name: list
-- Every token, those in force first.
select id, name, scopes, cities, created_at, expires_at, revoked_at from api_token
order by revoked_at nulls first, created_at, id

-- name: revoke
-- A token that was in force is not any more.
update api_token set revoked_at = now() where id = $1 and revoked_at is null returning id

-- name: audit
-- A change that was made through the API, in the transaction that made it.
insert into api_audit (token, city, action, body) values ($1, $2, $3, $4)

-- name: audits
-- What was changed in a city through the API behind the number $2, newest first, at most $3.
select a.id, a.at, a.token, t.name as token_name, a.action, a.body
from api_audit a join api_token t on t.id = a.token
where a.city = $1 and a.id < $2
order by a.id desc limit $3
