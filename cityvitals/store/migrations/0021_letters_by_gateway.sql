-- outside a transaction: an index of letters is built while others write some
-- The letters of one gateway, newest first, without a look at all the others. What a crash left of
-- the index goes first.
drop index concurrently if exists dead_letter_gateway;

create index concurrently dead_letter_gateway on dead_letter (gateway, last_at);
