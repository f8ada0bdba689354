-- The record: current resources, their history, their index rows, and the changes the bus will read.
-- Every clinical table carries the bucket (the patient's shard key) and has it in its primary key or, where a table has
-- no key of its own, as its distribution column. See docs/adr/0002-shard-key.md and 0003-index-tables.md.

create schema if not exists fhir;
-- Comes with PostgreSQL; the owner of a database may add it.
create extension if not exists pg_trgm;

-- Small facts about this database: the key ids are minted with, the version of the index rules.
create table fhir.setting (
    name text primary key,
    value bytea not null
);

-- Handed out in blocks (increment 64) so that a process mints ids without asking each time.
create sequence fhir.rid_block as bigint increment by 256 start with 65536 minvalue 65536 maxvalue 281474976710400;

create table fhir.resource (
    rid bigint not null,
    updated timestamptz not null,
    version integer not null,
    type smallint not null,
    bucket smallint not null,
    deleted boolean not null default false,
    -- Only for ids that were not minted here (a minted id follows from rid and bucket at its minting).
    id text collate "C",
    -- Six bytes per index table: hash of this resource's rows there, so that an update leaves unchanged ones alone.
    digest bytea not null,
    body bytea not null,
    primary key (type, rid, bucket)
);
alter table fhir.resource alter column body set storage external;
-- Without rid: what was written together shares one moment and one entry (13 instead of 69 bytes per resource); the few
-- of a moment are sorted when they are read.
create index resource_updated on fhir.resource (type, updated);
-- So that the live ones of a type are counted in indexes alone.
create index resource_deleted on fhir.resource (type, rid) where deleted;

create table fhir.history (
    rid bigint not null,
    updated timestamptz not null,
    version integer not null,
    type smallint not null,
    bucket smallint not null,
    deleted boolean not null default false,
    body bytea not null,
    primary key (rid, version, bucket)
);
alter table fhir.history alter column body set storage external;
create index history_updated on fhir.history (type, updated);

-- Where a resource lives whose id does not say so: every id not minted here, and minted ones that moved.
-- Its own bucket is the one that follows from the id, so that looking it up is a question to one shard.
create table fhir.home (
    rid bigint not null,
    bucket smallint not null,
    home smallint not null,
    primary key (rid, bucket)
);

create table fhir.token (
    rid bigint not null,
    param integer not null,
    system integer not null,
    bucket smallint not null,
    code text collate "C" not null
);
create index token_value on fhir.token (param, code, rid);
create index token_rid on fhir.token (rid);

create table fhir.string (
    rid bigint not null,
    param integer not null,
    bucket smallint not null,
    text text collate "C" not null,
    exact bigint,
    sort text collate "C"
);
create index string_value on fhir.string (param, text, rid);
create index string_sort on fhir.string (param, coalesce(sort, text), rid) where exact is not null;
create index string_rid on fhir.string (rid);
-- Any part of a text (:contains) of three letters and more; 7 bytes per resource.
create index string_part on fhir.string using gin (text gin_trgm_ops) with (fastupdate = off) where exact is not null;

create table fhir.date (
    rid bigint not null,
    low bigint not null,
    high bigint not null,
    param integer not null,
    bucket smallint not null
);
-- Spans of up to 32 days are found by their beginning alone; the few longer ones have an index of their own, so that
-- a range of time is a range of one index. The number is LONG in store/search/predicates.py.
create index date_value on fhir.date (param, low, rid) include (high);
create index date_long on fhir.date (param, low, rid) include (high) where high - low > 2764800000000;
create index date_rid on fhir.date (rid);

create table fhir.quantity (
    rid bigint not null,
    low double precision not null,
    high double precision not null,
    clow double precision not null,
    chigh double precision not null,
    param integer not null,
    unit integer not null,
    code integer not null,
    dim integer not null,
    bucket smallint not null
);
create index quantity_value on fhir.quantity (param, dim, clow, rid) include (chigh);
create index quantity_raw on fhir.quantity (param, high);
-- Ranges and values with a comparator; all others have one value and are found by clow.
create index quantity_wide on fhir.quantity (param, rid) where clow < chigh;
create index quantity_rid on fhir.quantity (rid);

create table fhir.reference (
    rid bigint not null,
    target bigint not null,
    param integer not null,
    target_type smallint not null,
    bucket smallint not null
);
create index reference_target on fhir.reference (target, param, rid);
create index reference_rid on fhir.reference (rid);

create table fhir.composite (
    rid bigint not null,
    param integer not null,
    system integer not null,
    bucket smallint not null,
    code text collate "C" not null,
    code2 text collate "C",
    system2 integer,
    low double precision,
    high double precision,
    unit integer,
    dim integer,
    clow double precision,
    chigh double precision
);
create index composite_value on fhir.composite (param, code, code2, clow);
-- Values asked for without their unit are compared as they were written.
create index composite_raw on fhir.composite (param, code, high);
create index composite_wide on fhir.composite (param, code, rid) where clow < chigh;
create index composite_rid on fhir.composite (rid);

-- The outbox: one row per transaction and bucket. A reader takes rows whose transaction is older than every running
-- one, in order of (xid, seq): nothing is skipped, nothing is read twice.
create table fhir.change (
    xid xid8 not null default pg_current_xact_id(),
    seq bigint generated always as identity,
    bucket smallint not null,
    rids bigint[] not null,
    types smallint[] not null,
    versions integer[] not null,
    -- c created, u updated, d deleted
    kinds "char"[] not null,
    primary key (xid, seq, bucket)
);
