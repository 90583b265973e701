-- Who holds up a session that waits for a lock.

-- name: blockers
-- The sessions that one waits for. A server shows states of other users to members of
-- pg_read_all_stats only; who they are it shows to everybody.
select b.pid, coalesce(a.application_name, '') as application, coalesce(a.usename, '') as role,
       coalesce(a.state, '') as state,
       coalesce(extract(epoch from now() - a.xact_start), 0)::float8 as seconds
from unnest(pg_blocking_pids($1)) as b (pid)
left join pg_stat_activity a on a.pid = b.pid
order by b.pid
