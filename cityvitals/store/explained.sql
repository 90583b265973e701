-- What explaining an indicator reads beside what `verify` does. Nothing here writes.

-- name: window
-- The newest revision of the window of one indicator that begins last at or before $4 and holds it;
-- without $4 of its newest window.
select w.*
from (
    select rule, zone, window_begin, revision, window_end, rule_revision, state, closed, value,
           numerator, denominator, coverage, observed, flagged, reason, station_count, silent,
           watermark, computed_at, facts
    from indicator_latest
    where city = $1 and rule = $2 and zone = $3
      and ($4::timestamptz is null or (window_begin <= $4 and window_end > $4))
    union all
    (
        select rule, zone, window_begin, revision, window_end, rule_revision, state, closed, value,
               numerator, denominator, coverage, observed, flagged, reason,
               coalesce(station_count, stations_among(stations)) as station_count, silent,
               watermark, computed_at, facts
        from indicator
        where city = $1 and rule = $2 and zone = $3 and window_begin <= $4 and window_end > $4
          and window_begin > $4::timestamptz - interval '1900 days'
        order by window_begin desc, revision desc
        limit 1
    )
) as w
order by w.window_begin desc, w.revision desc, w.computed_at desc
limit 1

-- name: definition
-- A revision of a rule as it stood in its file.
select definition from rule where id = $1 and revision = $2

-- name: excluded
-- Readings of some series in [$2, $3) that a flag keeps out of everything, oldest first.
select observed_at, series_id, value, flags
from reading
where series_id = any($1::integer[]) and observed_at >= $2 and observed_at < $3
  and flags & $4::integer <> 0
order by observed_at, series_id
limit $5
