-- Who is signed in on the pages. The cookie's value is not here, only its hash.
create table security.session (
    hash bytea primary key,
    -- What the owner sees in the list and revokes by; stays when the cookie's value is rotated.
    id text not null unique,
    account text not null references security.account (id) on delete cascade,
    -- The password was right, the second factor is still missing.
    pending boolean not null,
    -- How the person proved who they are ('pwd', 'otp', 'webauthn', 'ext'), and when each was last shown.
    methods text [] not null,
    shown timestamptz [] not null,
    created timestamptz not null,
    authenticated timestamptz not null,
    seen timestamptz not null,
    ends timestamptz not null,
    address text not null,
    agent text not null,
    check (cardinality(methods) = cardinality(shown))
);
create index session_account on security.session (account);
create index session_ends on security.session (ends);
