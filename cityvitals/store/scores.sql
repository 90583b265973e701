-- What a city's scores are calculated from. Nothing here writes.

-- name: facts
-- Figures of a city and its zones of some names, as stated now, that hold by $3.
select id, zone, name, value, unit, source, quality, declared_by, declared_at,
       nullif(greatest(valid_from, '0001-01-01Z'), '0001-01-01Z') as valid_from
from fact
where city = $1 and name = any($2::text[]) and withdrawn_at is null and valid_from <= $3
order by name, zone, fact.valid_from

-- name: windows
-- Of some rules, of the city itself: the newest window that had ended by $3, and those that held it of which nothing
-- later than $3 was known, each in its newest revision.
with wanted as (
    select unnest($2::text[]) as rule
), kept as (
    select w.*
    from wanted r
    cross join lateral (
        (select rule, window_begin, window_end, revision, rule_revision, value, numerator, denominator, coverage,
                state, reason, watermark, computed_at
         from indicator
         where city = $1 and rule = r.rule and zone = '' and window_begin < $3 and window_end <= $3
         order by window_begin desc, revision desc limit 1)
        union all
        (select rule, window_begin, window_end, revision, rule_revision, value, numerator, denominator, coverage,
                state, reason, watermark, computed_at
         from indicator
         where city = $1 and rule = r.rule and zone = '' and window_begin <= $3 and window_end > $3
           and watermark <= $3
         order by window_begin, revision desc limit 1)
        union all
        (select rule, window_begin, window_end, revision, rule_revision, value, numerator, denominator, coverage,
                state, reason, watermark, computed_at
         from indicator_latest
         where city = $1 and rule = r.rule and zone = '' and window_begin <= $3
           and (window_end <= $3 or watermark <= $3))
    ) as w
)
select distinct on (k.rule, k.window_begin)
       k.rule, k.window_begin, k.window_end, k.revision, k.value, k.numerator, k.denominator, k.coverage, k.state,
       k.reason, d.body ->> 'unit' as unit
from kept k
join rule d on d.id = k.rule and d.revision = k.rule_revision
order by k.rule, k.window_begin, k.revision desc, k.computed_at desc
