-- Counters, events and states are folded; levels are averaged by their powers.

-- Where a counter begins anew at 0, in the quantity's own unit; 0 for one that never does.
alter table series_declaration add column modulus double precision not null default 0;

-- Samples that say again what the held one before them said, or lie far from it; how long a counter's
-- gap overlaps that is too long to count as covered, in microseconds. Null in what was folded before this.
alter table rollup
    add column repeated integer,
    add column stepped integer,
    add column estimated integer;

-- What is stored of sound levels is their integral: shards that have any are folded again, where their
-- readings are still there.
update shard set rebuild = true
where shard in (select c.shard from series s join city c on c.id = s.city
                where s.quantity in ('noise_laeq', 'noise_lamax', 'noise_las'));
