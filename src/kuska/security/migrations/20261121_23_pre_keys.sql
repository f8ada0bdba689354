-- Data keys, wrapped with a master key that is not in this database. What each seals is named by its purpose.
create table security.data_key (
    tenant text not null,
    purpose text not null,
    -- Stands in front of everything sealed with it; never used again.
    number integer not null check (number > 0),
    provider text not null,
    -- Which master key wraps it, as the provider names it.
    master text not null,
    wrapped bytea not null,
    -- From then on it seals what is new; before, every process has learnt of it.
    since timestamptz not null,
    -- retired: nothing is sealed with it any more, it can still open. destroyed: its bytes are gone.
    state text not null default 'active' check (state in ('active', 'retired', 'destroyed')),
    retired timestamptz,
    primary key (tenant, purpose, number)
);

-- Up to which key everything of a purpose has been sealed anew: nothing older is left.
create table security.sealed_since (
    tenant text not null,
    purpose text not null,
    number integer not null,
    primary key (tenant, purpose)
);
