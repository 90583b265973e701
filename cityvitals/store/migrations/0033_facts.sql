-- Facts keep their history: an indicator names the figures it was made with, and what was once stated
-- stays readable beside what holds now.
alter table fact drop constraint fact_pkey;
alter table fact add column id bigint generated always as identity;
alter table fact add column withdrawn_at timestamptz;
alter table fact add primary key (id);
create unique index fact_in_force on fact (city, zone, name, valid_from) where withdrawn_at is null;

-- How well a figure is known was free text; what is none of the classes is unknown.
update fact set quality = 'unknown'
where quality not in ('measured', 'surveyed', 'extrapolated', 'estimated', 'personal', 'unknown');
alter table fact add constraint fact_quality
    check (quality in ('measured', 'surveyed', 'extrapolated', 'estimated', 'personal', 'unknown'));

-- Ids of the facts in force at a window's end; null where its rule uses none, and in what was made
-- before this.
alter table indicator add column facts bigint[];
alter table indicator_latest add column facts bigint[];
