-- The letters of one gateway, newest first, without a look at all the others.
create index dead_letter_gateway on dead_letter (gateway, last_at);
