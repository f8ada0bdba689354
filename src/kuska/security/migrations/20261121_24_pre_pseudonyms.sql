-- The vault of this country: which token stands for which person, for one purpose. Without the keys, which are not in
-- this database, the table tells neither who is in it, nor which token is whose, nor which two rows are one person's.
create table security.pseudonym (
    purpose text not null,
    -- Keyed hashes: by which a row is found from the person, and from the token.
    person bytea not null,
    token bytea not null,
    -- Person and token, sealed for this row.
    sealed bytea not null,
    primary key (purpose, person),
    unique (purpose, token)
);
