-- How many stations took part in an indicator. `stations` names series, and a station that feeds several
-- inputs of a rule, or has several channels, is behind several of them.

-- How many sensors some series are of.
create function stations_among(series_ids integer[]) returns integer
language sql stable parallel safe
return (select count(distinct sensor_id)::integer from series where id = any(series_ids));

-- Null in what was made before this: old windows may lie compressed, so they are counted when they are read.
alter table indicator add column station_count integer;

alter table indicator_latest add column station_count integer;
update indicator_latest set station_count = stations_among(stations);
alter table indicator_latest alter column station_count set not null;
