-- The letters of one gateway, newest first, without a look at all the others.

-- long lock: who writes letters waits while it is built, about a second for a million of them
create index dead_letter_gateway on dead_letter (gateway, last_at);
