-- People, services and partner organisations that can sign in, and what happens before and around signing in.
create table security.account (
    id text primary key,
    kind text not null check (kind in ('person', 'service', 'partner')),
    tenant text not null,
    -- Folded (domain/accounts.py): an e-mail address, the citizen's document, or a name.
    login text not null check (login <> ''),
    email text not null default '',
    display_name text not null,
    status text not null check (status in ('invited', 'active', 'disabled')),
    country text not null,
    organization text not null default '',
    patient text not null default '',
    practitioner text not null default '',
    roles text [] not null default '{}',
    language text not null default 'es' check (language in ('es', 'en')),
    -- argon2id in PHC form. Null: no password of its own (not set yet, or signs in elsewhere).
    password text,
    password_changed timestamptz,
    -- Came in for the first time. Null: still only invited.
    activated timestamptz,
    created timestamptz not null,
    updated timestamptz not null,
    unique (tenant, login)
);
-- A person of the record has one account: who registers twice gets the first one back.
create unique index account_patient on security.account (tenant, patient) where patient <> '';

-- One-time links sent by mail. Only the hash is here; a new link of the same purpose takes the place of the old one.
create table security.link (
    account text not null references security.account (id) on delete cascade,
    purpose text not null check (purpose in ('invitation', 'reset')),
    hash bytea not null unique,
    made timestamptz not null,
    expires timestamptz not null,
    primary key (account, purpose)
);

-- Failed attempts by key: a hash of the login, of the address, or of both together. An attempt is charged before it is
-- made, so that a hundred at once cannot all be the first.
create table security.throttle (
    key bytea primary key,
    failures integer not null,
    last timestamptz not null,
    until timestamptz not null,
    -- This login has been signed in from this address: it is judged by itself, so that a stranger who tries the login
    -- from elsewhere cannot shut its owner out.
    trusted boolean not null default false
);
create index throttle_last on security.throttle (last);

-- Mails to be sent, and what has to be looked up before one can be: the request itself only leaves a row here, so that
-- its answer and its time are the same whether or not somebody is found. Links are made at the moment of sending; none
-- is ever stored readable.
create table security.mail (
    id text primary key,
    kind text not null,
    -- Until it is sent; then the whole row goes.
    about jsonb not null,
    due timestamptz not null,
    attempts integer not null default 0,
    asked timestamptz not null,
    -- The mail server refused it for good, or it was tried for days. Kept for the operator.
    given_up timestamptz,
    problem text not null default ''
);
create index mail_due on security.mail (due) where given_up is null;
