-- Who stated a figure, and who took it back; "" where nobody said, as of all before this.
alter table fact add column declared_by text not null default '';
alter table fact add column withdrawn_by text not null default '';

-- What a city aims at: a dated number for a data point of a scorecard, such as u4ssc.en.en.aq.1c.pm10, with
-- its source. `start` is the value that counts as 0 %; null where that goes without saying. Nothing is
-- overwritten.
create table target (
    id            bigint generated always as identity primary key,
    city          text not null references city (id),
    point         text not null,
    valid_from    timestamptz not null,
    value         double precision not null,
    start         double precision,
    unit          text not null,
    source        text not null,
    declared_by   text not null default '',
    declared_at   timestamptz not null default now(),
    withdrawn_by  text not null default '',
    withdrawn_at  timestamptz
);
create unique index target_in_force on target (city, point, valid_from) where withdrawn_at is null;
