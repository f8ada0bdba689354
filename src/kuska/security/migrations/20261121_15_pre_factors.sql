-- What a person shows besides the password. Nothing here can be shown again by who reads the table: TOTP secrets are
-- sealed, recovery codes hashed, of passkeys only the public half is known.

-- The authenticator app. `coming` is one that is being set up; the old one goes on until the new one has proved itself.
create table security.totp (
    account text primary key references security.account (id) on delete cascade,
    secret bytea,
    -- The last 30-second step whose code was taken: no code is good twice.
    step bigint not null default 0,
    since timestamptz,
    used timestamptz,
    coming bytea,
    coming_until timestamptz
);

create table security.passkey (
    credential bytea primary key,
    id text not null unique,
    account text not null references security.account (id) on delete cascade,
    name text not null check (length(name) between 1 and 60),
    public_key bytea not null,
    -- Counts up at each use where the authenticator counts; one that goes back is a copy.
    uses bigint not null,
    -- Synchronised between the person's devices by its maker.
    backed_up boolean not null,
    transports text [] not null,
    since timestamptz not null,
    used timestamptz
);
create index passkey_account on security.passkey (account);

-- Challenges that were answered. They carry their own end, sealed; only used ones are kept, until then.
create table security.passkey_answer (
    hash bytea primary key,
    ends timestamptz not null
);
create index passkey_answer_ends on security.passkey_answer (ends);

-- One set of codes per person, under one salt, so that an attempt costs one argon2 and not ten.
create table security.recovery (
    account text primary key references security.account (id) on delete cascade,
    salt bytea not null,
    hashes bytea [] not null,
    since timestamptz not null
);

-- Wrong codes. An attempt is charged before it is judged, so that a hundred at once cannot all be the first.
create table security.factor_attempt (
    account text primary key references security.account (id) on delete cascade,
    failures integer not null,
    last timestamptz not null,
    until timestamptz not null
);
