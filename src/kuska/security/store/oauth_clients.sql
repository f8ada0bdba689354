-- find --
select id, name, kind, party, secret, jwks, jwks_uri, redirects, launch_url, grants, scope, roles, purposes, tenant,
    country, organization, patient_facing, trusted, introspects, status
from security.client
where id = $1 and tenant = $2;

-- all --
select id, name, kind, party, secret, jwks, jwks_uri, redirects, launch_url, grants, scope, roles, purposes, tenant,
    country, organization, patient_facing, trusted, introspects, status
from security.client
where tenant = $1
order by name, id;

-- save --
-- A client that is withdrawn stays so: it is registered anew, under another id. One that is there stays as it is when this
-- one is to be new ($21).
insert into security.client as c (
    id, name, kind, party, secret, jwks, jwks_uri, redirects, launch_url, grants, scope, roles, purposes, tenant,
    country, organization, patient_facing, trusted, introspects, created, updated
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)
on conflict (id) do update set
    name = excluded.name, kind = excluded.kind, party = excluded.party, secret = excluded.secret,
    jwks = excluded.jwks, jwks_uri = excluded.jwks_uri, redirects = excluded.redirects,
    launch_url = excluded.launch_url, grants = excluded.grants, scope = excluded.scope, roles = excluded.roles,
    purposes = excluded.purposes, country = excluded.country, organization = excluded.organization,
    patient_facing = excluded.patient_facing, trusted = excluded.trusted, introspects = excluded.introspects,
    updated = excluded.updated
where c.status = 'active' and c.tenant = excluded.tenant and not $21
returning id;

-- withdraw --
-- In one statement, so that nothing of it can be left: the client, what people granted to it, and what waits.
with withdrawn as (
    update security.client set status = 'withdrawn', secret = ''::bytea, updated = $3
    where id = $1 and tenant = $2 and status = 'active'
    returning id
), granted as (
    update security.oauth_grant set revoked = $3
    where client in (select id from withdrawn) and revoked is null
), waiting as (
    delete from security.oauth_request where client in (select id from withdrawn)
), launches as (
    delete from security.oauth_launch where client in (select id from withdrawn)
)
select id from withdrawn;

-- of_organization --
select id from security.client where organization = $1 and tenant = $2 and status = 'active' order by id for update;

-- disable_partners --
-- Their sessions and tokens fall with it: a session is found for an active account only, and a trigger withdraws tokens.
update security.account set status = 'disabled', updated = $3
where organization = $1 and tenant = $2 and kind = 'partner' and status <> 'disabled'
returning id;

-- see_assertion --
-- No row: it was seen before.
insert into security.assertion_seen (client, jti, expires) values ($1, $2, $3)
on conflict do nothing
returning client;
