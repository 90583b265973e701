-- Who may use the API, and what was changed through it. Of a token only a hash is kept: whoever reads
-- the database cannot use it.
create table api_token (
    id          text primary key,
    hash        bytea not null unique check (octet_length(hash) = 32),
    name        text not null,
    scopes      text[] not null check (scopes <@ array['read', 'facts', 'admin'] and scopes <> '{}'),
    cities      text[],
    created_at  timestamptz not null default now(),
    expires_at  timestamptz,
    revoked_at  timestamptz
);
comment on column api_token.cities is 'null for all cities';

create table api_audit (
    id      bigint generated always as identity primary key,
    at      timestamptz not null default now(),
    token   text not null references api_token (id),
    city    text not null,
    action  text not null,
    body    jsonb not null
);
create index api_audit_city on api_audit (city, id);
