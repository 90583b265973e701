-- Letting raw readings go. sealed_before refuses what is older; dropped_before, which follows it once
-- all rollups below are final, says up to where stored readings count as gone.
alter table city
    add column dropped_before timestamptz not null default '-infinity',
    add constraint city_dropped_behind_seal check (dropped_before <= sealed_before);

-- What a bucket above can need of readings below: the last one that no flag excludes, and every one
-- whose span reaches over the edge. So a series may keep several.
alter table seal_neighbour drop constraint seal_neighbour_pkey, add primary key (series_id, observed_at);
