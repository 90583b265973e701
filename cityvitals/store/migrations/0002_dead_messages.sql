-- Dead letters share their message's bytes; gateways' running numbers.

-- last_at is written with every letter, so the row's lock orders all who touch a message's letters.
create table dead_message (
    hash     bytea primary key,
    topic    text not null,
    payload  bytea not null,
    last_at  timestamptz not null
);

insert into dead_message (hash, topic, payload, last_at)
select distinct on (hash) hash, topic, payload, last_at from dead_letter order by hash, last_at desc;

alter table dead_letter
    drop column topic,
    drop column payload,
    add column replayed_at timestamptz,
    add foreign key (hash) references dead_message (hash);
create index dead_letter_last_at on dead_letter (last_at);

-- What has arrived of a gateway's running numbers. Holes between the ranges are missing; lost are
-- those of counts that ended; numbers below floor are settled for good.
create table gateway_seq (
    gateway  integer primary key references gateway (id),
    ranges   int8multirange not null default '{}',
    floor    bigint not null default 0,
    lost     bigint not null default 0 check (lost >= 0),
    resets   bigint not null default 0 check (resets >= 0)
) with (fillfactor = 50);
