-- What codes are displayed as, folded, for `:text`: one row per code and display of the whole record, not of a resource
-- (docs/adr/0003-index-tables.md). Rows are added and never changed; a text without a code has its hash as the code.
-- The bucket only spreads them.
create table fhir.display (
    system integer not null,
    bucket smallint not null,
    code text collate "C" not null,
    text text collate "C" not null,
    primary key (code, system, text, bucket)
);
