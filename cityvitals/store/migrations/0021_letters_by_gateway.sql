-- outside a transaction: letters go on being written while the index is built.
-- The letters of one gateway, newest first, without a look at all the others.
drop index concurrently if exists dead_letter_gateway;
create index concurrently dead_letter_gateway on dead_letter (gateway, last_at);
