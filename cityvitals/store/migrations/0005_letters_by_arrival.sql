-- A replay takes letters in the order in which they first came.

create index dead_letter_first_at on dead_letter (first_at, hash, index);
