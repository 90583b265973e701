-- The backbone: who sends, what was said, what was derived, and the books kept on it.
-- Forward only. Times are timestamptz; values are canonical units; names are the words of docs/architecture.md.

create table city (
    id             text primary key,
    name           text not null,
    time_zone      text not null default 'UTC',
    clock          text not null default 'live' check (clock in ('live', 'replay')),
    shard          smallint not null check (shard between 0 and 63),
    sealed_before  timestamptz not null default '-infinity',
    change_number  bigint not null default 0,
    created_at     timestamptz not null default now()
);
create index city_shard on city (shard);

create table zone (
    city        text not null references city (id),
    id          text not null check (id <> ''),
    name        text not null,
    geometry    jsonb,
    created_at  timestamptz not null default now(),
    primary key (city, id)
);

create table gateway (
    id             integer generated always as identity primary key,
    city           text not null references city (id),
    name           text not null,
    allowed        boolean not null default true,
    server_timed   boolean not null default false,
    status         text,
    status_at      timestamptz,
    created_at     timestamptz not null default now(),
    unique (city, name)
);

create table sensor (
    id          integer generated always as identity primary key,
    city        text not null references city (id),
    name        text not null,
    domain      text not null,
    gateway     integer not null references gateway (id),
    latitude    double precision,
    longitude   double precision,
    created_at  timestamptz not null default now(),
    unique (city, name)
);

-- A sensor's zone from valid_from on; zone null: in no zone, counted for the city only.
create table placement (
    sensor      integer not null references sensor (id),
    source      text not null check (source in ('meta', 'registry')),
    valid_from  timestamptz not null,
    zone        text,
    declared_at timestamptz not null default now(),
    primary key (sensor, source, valid_from)
);

create table series (
    id          integer generated always as identity primary key,
    city        text not null references city (id),
    sensor      text not null,
    quantity    text not null,
    channel     text not null default '',
    sensor_id   integer not null references sensor (id),
    created_at  timestamptz not null default now(),
    unique (city, sensor, quantity, channel)
);

-- What a series declares from `since` on. Where a source with precedence (registry, then meta, then
-- the quantity's default) has any row, only its rows count.
create table series_declaration (
    series           integer not null references series (id),
    source           text not null check (source in ('registry', 'meta', 'default')),
    since            timestamptz not null,
    kind             smallint not null,
    period_s         double precision not null,
    stamp            smallint not null,
    reporting_s      double precision not null,
    unit             text not null,
    reference_state  text not null default '',
    declared_at      timestamptz not null default now(),
    primary key (series, source, since)
);

-- Ordered by time first: live data arrives by time, and the other order costs COPY a factor of six.
create table reading (
    observed_at  timestamptz not null,
    received_at  timestamptz not null,
    value        double precision not null,
    rev          bigint not null default 0,
    series_id    integer not null,
    flags        integer not null default 0
) partition by range (observed_at);
create unique index reading_key on reading (observed_at, series_id);

-- Values that a key had beside its current one; the identity of a revision is (rev, value).
create table reading_revision (
    observed_at  timestamptz not null,
    received_at  timestamptz not null,
    value        double precision not null,
    rev          bigint not null,
    series_id    integer not null,
    flags        integer not null,
    replaced_at  timestamptz not null default now(),
    primary key (observed_at, series_id, rev, value)
);

-- The last reading below the seal, kept so that every bucket above it can be folded again.
create table seal_neighbour (
    series_id    integer primary key references series (id),
    observed_at  timestamptz not null,
    value        double precision not null,
    rev          bigint not null,
    flags        integer not null
);

-- One ingest worker's ordered stream, per shard. Whoever raised the epoch last may write.
create table lane (
    lane      text not null,
    shard     smallint not null check (shard between 0 and 63),
    epoch     bigint not null default 1,
    next_seq  bigint not null default 1,
    primary key (lane, shard)
) with (fillfactor = 50);

create table commit_log (
    shard         smallint not null,
    lane          text not null,
    seq           bigint not null,
    kind          smallint not null,
    committed_at  timestamptz not null default clock_timestamp(),
    body          bytea not null,
    primary key (shard, lane, seq)
);
alter table commit_log alter column body set storage external;

-- Who derives a shard, and how far in each lane: cursors is {lane: last seq taken}.
create table shard (
    shard       smallint primary key check (shard between 0 and 63),
    owner       text,
    epoch       bigint not null default 0,
    expires_at  timestamptz not null default '-infinity',
    cursors     jsonb not null default '{}',
    rebuild     boolean not null default false
) with (fillfactor = 50);
insert into shard (shard) select generate_series(0, 63);

create table checkpoint (
    shard       smallint primary key references shard (shard),
    epoch       bigint not null,
    cursors     jsonb not null,
    body        bytea not null,
    created_at  timestamptz not null default now()
);
alter table checkpoint alter column body set storage external;

-- The partial of one series over one quarter hour; times within are microseconds since 1970 UTC.
create table rollup (
    bucket_begin   timestamptz not null,
    series_id      integer not null,
    count          integer not null,
    flagged        integer not null,
    sum            double precision not null,
    sumsq          double precision not null,
    min            double precision not null,
    max            double precision not null,
    first_t        bigint not null,
    first_v        double precision not null,
    last_t         bigint not null,
    last_v         double precision not null,
    integral       double precision not null,
    increase       double precision not null,
    covered        bigint not null
) partition by range (bucket_begin);
create unique index rollup_key on rollup (series_id, bucket_begin);

-- Zone '' is the city itself. Every revision stays readable.
create table indicator (
    city           text not null,
    rule           text not null,
    zone           text not null,
    window_begin   timestamptz not null,
    revision       integer not null,
    window_end     timestamptz not null,
    rule_revision  integer not null,
    state          text not null check (state in ('provisional', 'final', 'corrected', 'insufficient')),
    closed         boolean not null,
    value          double precision,
    numerator      double precision,
    denominator    double precision,
    coverage       double precision not null,
    observed       bigint not null,
    flagged        bigint not null,
    reason         text not null default '',
    stations       integer[] not null,
    silent         text[] not null,
    watermark      timestamptz,
    computed_at    timestamptz not null,
    change_number  bigint not null
) partition by range (window_begin);
create unique index indicator_key on indicator (city, rule, zone, window_begin, revision);

create table indicator_latest (
    city           text not null,
    rule           text not null,
    zone           text not null,
    window_begin   timestamptz not null,
    revision       integer not null,
    window_end     timestamptz not null,
    rule_revision  integer not null,
    state          text not null,
    closed         boolean not null,
    value          double precision,
    numerator      double precision,
    denominator    double precision,
    coverage       double precision not null,
    observed       bigint not null,
    flagged        bigint not null,
    reason         text not null default '',
    stations       integer[] not null,
    silent         text[] not null,
    watermark      timestamptz,
    computed_at    timestamptz not null,
    change_number  bigint not null,
    primary key (city, rule, zone)
) with (fillfactor = 50);

-- What happened in a city, numbered without gaps by the owner of its shard: the ids of live events.
create table change (
    city    text not null,
    number  bigint not null,
    at      timestamptz not null,
    kind    text not null,
    body    text not null,
    primary key (city, number)
);

create table fact (
    city         text not null references city (id),
    zone         text not null default '',
    name         text not null,
    valid_from   timestamptz not null,
    value        double precision not null,
    unit         text not null,
    source       text not null,
    quality      text not null,
    declared_at  timestamptz not null default now(),
    primary key (city, zone, name, valid_from)
);

create table "limit" (
    city      text not null references city (id),
    sensor    text not null default '',
    quantity  text not null,
    low       double precision,
    high      double precision,
    source    text not null,
    primary key (city, sensor, quantity)
);

create table rule (
    id         text not null,
    revision   integer not null,
    digest     text not null,
    body       jsonb not null,
    loaded_at  timestamptz not null default now(),
    primary key (id, revision)
);

-- Identical poison raises a counter instead of filling the disk.
create table dead_letter (
    hash      bytea not null,
    index     integer not null,
    topic     text not null,
    payload   bytea not null,
    city      text not null,
    gateway   text not null,
    reason    text not null,
    detail    text not null,
    times     bigint not null default 1,
    first_at  timestamptz not null,
    last_at   timestamptz not null,
    primary key (hash, index)
);

-- received = stored + duplicate + revised + rejected, in the same transaction as the readings.
create table ledger (
    lane       text not null,
    city       text not null,
    gateway    text not null,
    received   bigint not null default 0,
    stored     bigint not null default 0,
    duplicate  bigint not null default 0,
    revised    bigint not null default 0,
    rejected   bigint not null default 0,
    primary key (lane, city, gateway),
    check (received = stored + duplicate + revised + rejected)
) with (fillfactor = 50);
