-- The OAuth2 and OpenID Connect server: who may ask for tokens, what was granted to whom, and what no longer holds.
-- Nothing that opens a door is stored readable: secrets, codes, refresh tokens and handles are SHA-256 hashes of 256
-- random bits, private keys are sealed.

create table security.signing_key (
    kid text primary key,
    algorithm text not null check (algorithm in ('RS256', 'ES384')),
    public_jwk text not null,
    -- The private key, sealed. Empty when it is withdrawn for good.
    sealed bytea not null,
    -- Published from `created`; signs from `signs_from`, when everybody has had time to fetch it; published until
    -- `kept_until`, when the last token it signed has expired (null: still in use).
    created timestamptz not null,
    signs_from timestamptz not null,
    kept_until timestamptz
);

create table security.client (
    id text primary key,
    name text not null check (name <> ''),
    kind text not null check (kind in ('confidential-secret', 'private-key-jwt', 'public')),
    party text not null check (party in ('service', 'partner')),
    secret bytea not null default '',
    jwks text not null default '',
    jwks_uri text not null default '',
    redirects text [] not null default '{}',
    launch_url text not null default '',
    grants text [] not null default '{}',
    scope text not null default '',
    roles text [] not null default '{}',
    purposes text [] not null default '{}',
    tenant text not null,
    country text not null,
    organization text not null default '',
    -- Patients may use it with their own account.
    patient_facing boolean not null default false,
    -- The institution's own: asks nobody for consent.
    trusted boolean not null default false,
    -- A resource server: may introspect tokens of other clients.
    introspects boolean not null default false,
    status text not null default 'active' check (status in ('active', 'withdrawn')),
    created timestamptz not null,
    updated timestamptz not null
);
create index client_tenant on security.client (tenant, organization);

-- What a person granted to a client. All codes and tokens that come from it fall with it: the family of a refresh token.
create table security.oauth_grant (
    id text primary key,
    client text not null references security.client (id) on delete cascade,
    account text not null references security.account (id) on delete cascade,
    session text not null,
    scope text not null,
    patient text not null default '',
    encounter text not null default '',
    banner boolean not null default true,
    nonce text not null default '',
    authenticated timestamptz not null,
    methods text [] not null default '{}',
    created timestamptz not null,
    expires timestamptz not null,
    revoked timestamptz
);
create index oauth_grant_account on security.oauth_grant (account, client);
create index oauth_grant_session on security.oauth_grant (session);
create index oauth_grant_client on security.oauth_grant (client);
create index oauth_grant_expires on security.oauth_grant (expires);

-- What a person said yes to, so that the same client need not ask for the same at every sign-in.
create table security.oauth_approval (
    account text not null references security.account (id) on delete cascade,
    client text not null references security.client (id) on delete cascade,
    scope text not null,
    at timestamptz not null,
    primary key (account, client)
);

-- What a client asked for, kept here while the consent page is open: a browser carries only the handle.
create table security.oauth_request (
    hash bytea primary key,
    client text not null references security.client (id) on delete cascade,
    redirect text not null,
    asked jsonb not null,
    -- The session that saw the consent page; only it decides.
    session text not null,
    created timestamptz not null,
    expires timestamptz not null
);
create index oauth_request_expires on security.oauth_request (expires);

create table security.oauth_code (
    hash bytea primary key,
    "grant" text not null references security.oauth_grant (id) on delete cascade,
    client text not null,
    redirect text not null,
    challenge text not null,
    expires timestamptz not null,
    used timestamptz
);
create index oauth_code_grant on security.oauth_code ("grant");

create table security.refresh_token (
    hash bytea primary key,
    "grant" text not null references security.oauth_grant (id) on delete cascade,
    issued timestamptz not null,
    expires timestamptz not null,
    used timestamptz
);
create index refresh_token_grant on security.refresh_token ("grant");

-- A record that was opened in a hospital's system for an application: patient and encounter are chosen already.
create table security.oauth_launch (
    hash bytea primary key,
    client text not null references security.client (id) on delete cascade,
    account text not null references security.account (id) on delete cascade,
    patient text not null,
    encounter text not null default '',
    expires timestamptz not null
);
create index oauth_launch_expires on security.oauth_launch (expires);

-- Client assertions that were shown once (private_key_jwt); none opens twice.
create table security.assertion_seen (
    client text not null references security.client (id) on delete cascade,
    jti bytea not null,
    expires timestamptz not null,
    primary key (client, jti)
);
create index assertion_seen_expires on security.assertion_seen (expires);

-- Access tokens that must not be taken although they have not expired. A token, a grant and a client are withdrawn for
-- good; of an account those tokens fall that were issued until `until`. Every process holds all rows in memory that can
-- still matter.
create table security.revocation (
    what text not null check (what in ('token', 'grant', 'account', 'client')),
    id text not null,
    until timestamptz not null,
    expires timestamptz not null,
    primary key (what, id)
);
create index revocation_expires on security.revocation (expires);

-- Tokens carry the roles of the account: when those change, or the account is closed, they fall, whoever changed it and
-- by whatever way. A refresh gives one with the new roles. (A second more: a token that was being made meanwhile, by a
-- process whose clock is a little ahead, has the old ones. Two hours: longer than any access token lives.)
create function security.account_changed() returns trigger language plpgsql as $$
begin
    insert into security.revocation as r (what, id, until, expires)
    values ('account', old.id, new.updated + interval '1 second', new.updated + interval '2 hours')
    on conflict (what, id) do update set
        until = greatest(r.until, excluded.until), expires = greatest(r.expires, excluded.expires);
    update security.epoch set value = value + 1;
    return null;
end
$$;
create trigger account_changed after update on security.account for each row
when (
    (old.status, old.roles, old.patient, old.practitioner, old.organization, old.country, old.tenant)
    is distinct from
    (new.status, new.roles, new.patient, new.practitioner, new.organization, new.country, new.tenant)
)
execute function security.account_changed();

-- Access that was granted for as long as the person is signed in ends with the session, however that ends.
create function security.sessions_ended() returns trigger language plpgsql as $$
begin
    with ended as (
        update security.oauth_grant as g set revoked = now()
        from gone
        where g.session = gone.id and g.revoked is null and not 'offline_access' = any(string_to_array(g.scope, ' '))
        returning g.id, gone.ends
    )
    insert into security.revocation as r (what, id, until, expires)
    select 'grant', ended.id, ended.ends, ended.ends + interval '2 hours' from ended
    on conflict (what, id) do nothing;
    if found then
        update security.epoch set value = value + 1;
    end if;
    return null;
end
$$;
create trigger sessions_ended after delete on security.session
referencing old table as gone for each statement execute function security.sessions_ended();
