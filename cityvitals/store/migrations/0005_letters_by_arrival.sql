-- A replay takes letters in the order in which they first came, and of a message that was turned
-- away as one all readings, whatever the reason was.

create index dead_letter_first_at on dead_letter (first_at, hash, index);

alter table dead_letter add column whole boolean not null default false;
update dead_letter d set whole = true
where index = 0 and reason in ('undecodable', 'unknown_schema', 'bad_topic', 'too_large')
  and not exists (select from dead_letter o where o.hash = d.hash and o.index > 0);
