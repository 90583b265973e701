-- A rule as it stood in its file, so that it can stay in force where the file becomes wrong.

alter table rule add column definition text not null default '';
