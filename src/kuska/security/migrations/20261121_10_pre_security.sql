-- What every part of security shares. Tables of the parts follow in files of their own.
create schema if not exists security;

-- One row. Every change of what the processes keep in memory (roles, clients, revocations, consents, …) raises it in the
-- same transaction; each process looks several times a second and drops what it keeps when the number has moved.
create table security.epoch (
    one_row boolean primary key default true check (one_row),
    value bigint not null
);
insert into security.epoch (value) values (1);

-- Small facts about this database: the tenant and country it was begun with.
create table security.setting (
    name text primary key,
    value text not null
);
