-- Roles that were edited. A role without a row here is the one that the program brings (security/domain/roles.toml).
-- Versions are only ever added: what a role was, when and by whose hand, stays readable.
create table security.role (
    name text not null,
    version integer not null check (version > 0),
    content jsonb not null,
    by text not null, -- account
    at timestamptz not null,
    primary key (name, version)
);
