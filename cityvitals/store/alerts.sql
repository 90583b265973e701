-- Alerts: judged and written by who derives a city's indicators; acknowledged and read by the API.

-- name: stored_rules
-- Each revision of each alert rule that was ever in force.
select id, revision, digest, body, file from alert_rule

-- name: save_rule
-- A revision that is new.
insert into alert_rule (id, revision, digest, body, file) values ($1, $2, $3, $4, $5)
on conflict (id, revision) do nothing

-- name: judged
-- By which revision of which alert rule the history of a shard's cities was judged.
select j.city, j.alert, j.revision from alert_judged j join city c on c.id = j.city where c.shard = $1

-- name: mark_judged
-- All of a city's history was judged by this revision.
insert into alert_judged (city, alert, revision) values ($1, $2, $3)
on conflict (city, alert) do update set revision = excluded.revision

-- name: unmark_judged
-- It is judged no more.
delete from alert_judged where city = $1 and alert = $2

-- name: active_zones
-- Zones of a city in which an alert lasts.
select zone from alert where city = $1 and alert = $2 and state = 'active' order by zone

-- name: zones_of
-- Zones of which a rule's indicator ever said anything in a city, '' being the city.
select zone from indicator_latest where city = $1 and rule = $2 order by zone

-- name: known
-- Alerts in some places that were not cleared before a window, locked: an acknowledgement waits.
select a.id, a.city, a.alert, a.zone, a.since, a.raised_by, a.until, a.cleared_by, a.peak, a.peak_at
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as k (city, alert, zone, cleared)
join alert a on a.city = k.city and a.alert = k.alert and a.zone = k.zone
where a.state <> 'withdrawn' and (a.cleared_by is null or a.cleared_by >= k.cleared)
order by a.id
for update of a

-- name: windows
-- The first $5 final windows of some indicators from a begin on, each in its newest revision.
select k.place, i.window_begin, i.window_end, i.value
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) with ordinality
    as k (city, rule, zone, begin, place)
cross join lateral (
    select distinct on (window_begin) window_begin, window_end, value
    from indicator
    where city = k.city and rule = k.rule and zone = k.zone and window_begin >= k.begin and closed
    order by window_begin, revision desc
    limit $5
) i
order by k.place, i.window_begin

-- name: raise
-- A new alert.
insert into alert (city, alert, alert_revision, rule, zone, severity, state, since, raised_by, until,
                   cleared_by, peak, peak_at, raised_at, changed_at, change_number)
values ($1, $2, $3, $4, $5, $6, case when $9::timestamptz is null then 'active' else 'cleared' end,
        $7, $8, $9, $10, $11, $12, $13, $13, $14)
returning *, (select body from alert_rule r where r.id = alert.alert and r.revision = alert.alert_revision) as rule_body

-- name: change
-- What became of one. Whoever acknowledged it has done so.
update alert
set alert_revision = $2, severity = $3, state = case when $6::timestamptz is null then 'active' else 'cleared' end,
    since = $4, raised_by = $5, until = $6, cleared_by = $7, peak = $8, peak_at = $9,
    changed_at = $10, change_number = $11, events = events + 1
where id = $1
returning *, (select body from alert_rule r where r.id = alert.alert and r.revision = alert.alert_revision) as rule_body

-- name: withdraw
-- What raised it is no more.
update alert set state = 'withdrawn', changed_at = $2, change_number = $3, events = events + 1
where id = $1
returning *, (select body from alert_rule r where r.id = alert.alert and r.revision = alert.alert_revision) as rule_body

-- name: note
-- What happened to an alert.
insert into alert_event (alert, number, city, at, kind, since, until, peak, by, comment, change_number)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: untold
-- Acknowledgements that nobody was told of yet, in a shard's cities, in the order in which they were made.
select e.number, e.at, r.body as rule_body, a.*
from alert_event e
join city c on c.id = e.city
join alert a on a.id = e.alert
join alert_rule r on r.id = a.alert and r.revision = a.alert_revision
where c.shard = $1 and e.change_number is null
order by e.at, e.alert, e.number
for update of e, a

-- name: told
-- Now they were.
with told as (update alert_event set change_number = $3 where alert = $1 and number = $2)
update alert set change_number = $3 where id = $1

-- name: list
-- At most $8 alerts of a city, the newest first, before an id.
select a.*, r.body as rule_body
from alert a join alert_rule r on r.id = a.alert and r.revision = a.alert_revision
where a.city = $1 and a.id < $7
  and ($2::text[] is null or a.state = any($2))
  and ($3::boolean is null or (a.acknowledged_at is not null) = $3)
  and ($4::text[] is null or a.severity = any($4))
  and ($5::text is null or a.zone = $5)
  and ($6::text is null or a.alert = $6)
order by a.id desc
limit $8

-- name: newest_change
-- The number of the newest change of any alert of a city.
select max(change_number) from alert where city = $1

-- name: newest
-- Of each alert rule and zone of a city the alert that lasts, else the one that began last.
select distinct on (a.alert, a.zone) a.*, r.body as rule_body
from alert a join alert_rule r on r.id = a.alert and r.revision = a.alert_revision
where a.city = $1
order by a.alert, a.zone, a.state = 'active' desc, a.since desc, a.id desc

-- name: find
-- One alert of a city.
select a.*, r.body as rule_body
from alert a join alert_rule r on r.id = a.alert and r.revision = a.alert_revision
where a.city = $1 and a.id = $2

-- name: events
-- What happened to an alert, in order.
select number, at, kind, since, until, peak, by, comment, change_number
from alert_event where alert = $1 order by number

-- name: acknowledge
-- Somebody takes note of an alert; where somebody has already, nothing changes.
update alert set acknowledged_at = now(), acknowledged_by = $3, comment = $4, events = events + 1
where city = $1 and id = $2 and acknowledged_at is null
returning *
