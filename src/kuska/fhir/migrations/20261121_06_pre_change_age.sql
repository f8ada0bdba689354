-- How old changes are, and who has read them: what the outbox is trimmed by. One row now and then, none per change.

-- Every transaction below `xid` had begun before `at`.
create table fhir.change_mark (
    at timestamptz primary key,
    xid xid8 not null
);

-- How far each reader that asked to be waited for has come.
create table fhir.change_reader (
    name text primary key,
    xid xid8 not null,
    seq bigint not null
);
