-- person --
select id, kind, status, roles, patient, practitioner, organization, country, display_name
from security.account
where id = $1 and tenant = $2;

-- person_held --
-- Until the end of the transaction nobody changes the account: a token is not made of roles that are being taken away.
select id, kind, status, roles, patient, practitioner, organization, country, display_name
from security.account
where id = $1 and tenant = $2
for share;

-- session_lives --
select exists (select from security.session where id = $1 and ends > $2 and not pending);

-- ask --
insert into security.oauth_request (hash, client, redirect, asked, session, created, expires)
values ($1, $2, $3, $4::jsonb, $5, $6, $7);

-- asked --
select client, redirect, asked::text as asked, session, created
from security.oauth_request
where hash = $1 and expires > $2;

-- decide --
-- Once: whoever deletes it has decided.
delete from security.oauth_request where hash = $1 and session = $2 returning client;

-- begin --
insert into security.oauth_grant (
    id, client, account, session, scope, patient, encounter, banner, nonce, authenticated, methods, created, expires
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- grant --
select id, client, account, session, scope, patient, encounter, banner, nonce, authenticated, methods, created, expires,
    revoked
from security.oauth_grant
where id = $1;

-- approve --
insert into security.oauth_approval (account, client, scope, at) values ($1, $2, $3, $4)
on conflict (account, client) do update set scope = excluded.scope, at = excluded.at;

-- approved --
select scope from security.oauth_approval where account = $1 and client = $2 and at > $3;

-- disapprove --
-- Whoever ends an access is asked again before there is another one.
delete from security.oauth_approval as a using security.oauth_grant as g
where g.id = $1 and a.account = g.account and a.client = g.client;

-- of_account --
select g.id, g.client, c.name, g.scope, g.patient, g.created, g.expires
from security.oauth_grant as g join security.client as c on c.id = g.client
where g.account = $1 and g.revoked is null and g.expires > $2
order by g.created desc;

-- end --
update security.oauth_grant set revoked = $2 where id = $1 and revoked is null returning id;

-- end_of_account --
-- With `offline_access` too: it was given by somebody who may not have been the account's owner.
with ended as (
    update security.oauth_grant set revoked = $2 where account = $1 and revoked is null returning id
)
insert into security.revocation as r (what, id, until, expires)
select 'grant', ended.id, $2, $2 + interval '2 hours' from ended
on conflict (what, id) do update set expires = greatest(r.expires, excluded.expires);

-- add_code --
insert into security.oauth_code (hash, "grant", client, redirect, challenge, expires) values ($1, $2, $3, $4, $5, $6);

-- use_code --
-- For the client it was made for; another one neither gets it nor spoils it.
update security.oauth_code set used = $3
where hash = $1 and client = $2 and used is null
returning "grant", redirect, challenge, expires;

-- code --
select "grant", client, used from security.oauth_code where hash = $1;

-- add_refresh --
insert into security.refresh_token (hash, "grant", issued, expires) values ($1, $2, $3, $4);

-- use_refresh --
-- Of two at once one waits for the other here, and then finds it used.
update security.refresh_token as r set used = $3
from security.oauth_grant as g
where r.hash = $1 and r.used is null and g.id = r."grant" and g.client = $2
returning r."grant", r.expires;

-- refresh --
select r."grant", g.client, r.expires, r.used
from security.refresh_token as r join security.oauth_grant as g on g.id = r."grant"
where r.hash = $1;

-- add_launch --
insert into security.oauth_launch (hash, client, account, patient, encounter, expires) values ($1, $2, $3, $4, $5, $6);

-- launch --
select patient, encounter from security.oauth_launch
where hash = $1 and client = $2 and account = $3 and expires > $4;

-- use_launch --
delete from security.oauth_launch where hash = $1 returning hash;

-- sweep_requests --
delete from security.oauth_request where expires <= $1;

-- sweep_launches --
delete from security.oauth_launch where expires <= $1;

-- sweep_assertions --
delete from security.assertion_seen where expires <= $1;

-- sweep_grants --
-- Their codes and refresh tokens go with them.
delete from security.oauth_grant where expires <= $1;
