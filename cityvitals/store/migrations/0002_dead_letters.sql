-- Dead letters by message: one with thousands of bad readings keeps its payload once.

create table dead_message (
    hash     bytea primary key,
    topic    text not null,
    payload  bytea not null
);
insert into dead_message (hash, topic, payload)
select distinct on (hash) hash, topic, payload from dead_letter order by hash;

alter table dead_letter
    drop column topic,
    drop column payload,
    -- Whether the message was turned away as one, so that its other readings were never looked at.
    add column whole boolean not null default false,
    add foreign key (hash) references dead_message (hash);

update dead_letter d set whole = true
where index = 0 and reason in ('undecodable', 'bad_topic', 'too_large', 'unsupported',
                               'unknown_schema')
and not exists (select from dead_letter o where o.hash = d.hash and o.index > 0);
alter table dead_letter alter column whole drop default;

-- Listing goes by it newest first, replaying and purging oldest first.
create index dead_letter_by_age on dead_letter (last_at, hash, index);
