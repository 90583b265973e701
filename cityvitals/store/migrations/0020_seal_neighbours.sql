-- What a bucket above the seal can need of readings below it: the last one that no flag excludes,
-- and every one whose span reaches over the seal. So a series may keep several.
alter table seal_neighbour drop constraint seal_neighbour_pkey, add primary key (series_id, observed_at);

-- The letters of one gateway, newest first.
create index dead_letter_gateway on dead_letter (gateway, last_at);
