-- Limits that registry files state, and what counting newcomers by the hour needs.

-- Readings stored before a limit was stated still carry the flags of the one before.
alter table "limit" add column pending boolean not null default false;

create index sensor_by_gateway on sensor (gateway, created_at);
create index series_by_sensor on series (sensor_id, created_at);
create index gateway_by_city on gateway (city, created_at);
create index city_by_age on city (created_at);
