-- Alerts: what the indicators that are final call for, by alert rules. Whoever derives a city's indicators
-- writes its alerts in the same transaction.
create table alert_rule (
    id          text not null,
    revision    integer not null,
    digest      text not null,
    body        jsonb not null,
    file        text not null,
    loaded_at   timestamptz not null default now(),
    primary key (id, revision)
);

-- By which revision of an alert rule all of a city's history was judged.
create table alert_judged (
    city      text not null references city (id),
    alert     text not null,
    revision  integer not null,
    primary key (city, alert)
);

-- since, raised_by, until, cleared_by, peak_at are begins of windows; raised_at and changed_at tell when that
-- was found. An alert that was withdrawn stays readable.
create table alert (
    id               bigint generated always as identity primary key,
    city             text not null references city (id),
    alert            text not null,
    alert_revision   integer not null,
    rule             text not null,
    zone             text not null,
    severity         text not null check (severity in ('notice', 'warning', 'critical')),
    state            text not null check (state in ('active', 'cleared', 'withdrawn')),
    since            timestamptz not null,
    raised_by        timestamptz not null,
    until            timestamptz,
    cleared_by       timestamptz,
    peak             double precision not null,
    peak_at          timestamptz not null,
    raised_at        timestamptz not null,
    changed_at       timestamptz not null,
    acknowledged_at  timestamptz,
    acknowledged_by  text,
    comment          text,
    events           integer not null default 1,
    change_number    bigint not null,
    check ((state = 'active') = (until is null) or state = 'withdrawn'),
    check ((until is null) = (cleared_by is null))
);
-- None is raised twice, and one at most lasts.
create unique index alert_once on alert (city, alert, zone, since) where state <> 'withdrawn';
create unique index alert_active on alert (city, alert, zone) where state = 'active';
create index alert_by_city on alert (city, id);
create index alert_by_change on alert (city, change_number);

-- What happened to an alert, numbered. An acknowledgement has no change number until the owner of the city's
-- shard has told of it.
create table alert_event (
    alert          bigint not null references alert (id),
    number         integer not null,
    city           text not null,
    at             timestamptz not null,
    kind           text not null check (kind in (
        'raised', 'worsened', 'cleared', 'reopened', 'amended', 'withdrawn', 'acknowledged')),
    since          timestamptz not null,
    until          timestamptz,
    peak           double precision not null,
    by             text,
    comment        text,
    change_number  bigint,
    primary key (alert, number)
);
create index alert_event_untold on alert_event (city) where change_number is null;

-- Who watches alerts may acknowledge them without being allowed to state figures.
alter table api_token drop constraint api_token_scopes_check;
alter table api_token add constraint api_token_scopes_check
    check (scopes <@ array['read', 'alerts', 'facts', 'admin'] and scopes <> '{}');
