-- Sign-in at another identity provider (OpenID Connect).

-- A person of a provider and the account here. By issuer and subject only: an e-mail address proves nothing, because it
-- may be given to somebody else or be claimed at another provider.
create table security.external_identity (
    issuer text not null,
    subject text not null,
    account text not null references security.account (id) on delete cascade,
    -- The account was made for this person and follows the provider: its roles are what the provider says. Otherwise its
    -- owner has linked an account that was there before, and the provider only says who it is.
    follows boolean not null,
    since timestamptz not null,
    used timestamptz not null,
    primary key (issuer, subject)
);
create index external_identity_account on security.external_identity (account);

-- Sign-ins that have gone to a provider and have not come back. One answer each, and only from the browser that began it.
create table security.external_attempt (
    state bytea primary key,
    browser bytea not null,
    provider text not null,
    nonce text not null,
    verifier text not null,
    next text not null,
    -- The account whose owner is linking it; '' for a sign-in.
    account text not null,
    ends timestamptz not null
);
create index external_attempt_ends on security.external_attempt (ends);

-- Logout messages of providers that were obeyed, so that each works once.
create table security.external_logout (
    issuer text not null,
    message text not null,
    ends timestamptz not null,
    primary key (issuer, message)
);
