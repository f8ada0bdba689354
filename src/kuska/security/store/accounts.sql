-- Accounts and their one-time links. Columns of an account are always in the order of store/accounts.py.

-- by_id --
select id, kind, tenant, login, display_name, email, status, country, organization, patient, practitioner, roles,
    language, created, updated
from security.account where tenant = $1 and id = $2;

-- by_login --
select id, kind, tenant, login, display_name, email, status, country, organization, patient, practitioner, roles,
    language, created, updated
from security.account where tenant = $1 and login = $2;

-- by_patient --
select id, kind, tenant, login, display_name, email, status, country, organization, patient, practitioner, roles,
    language, created, updated
from security.account where tenant = $1 and patient = $2 and patient <> '';

-- locked --
-- For changing it: two administrators at once, one after the other.
select id, kind, tenant, login, display_name, email, status, country, organization, patient, practitioner, roles,
    language, created, updated
from security.account where tenant = $1 and id = $2 for update;

-- page --
-- By login, from after $3; $2 is found in login or name.
select id, kind, tenant, login, display_name, email, status, country, organization, patient, practitioner, roles,
    language, created, updated
from security.account
where tenant = $1 and login > $3 and ($2 = '' or strpos(login, $2) > 0 or strpos(lower(display_name), $2) > 0)
order by login limit $4;

-- ruling --
-- How many could look after accounts: who has come in, and who is invited only.
select count(*) filter (where status = 'active'), count(*) filter (where status = 'invited')
from security.account where tenant = $1 and roles && $2::text[];

-- password --
-- The only query that reads one.
select id, password from security.account where tenant = $1 and login = $2 and status = 'active';

-- still --
-- The account whose password was just found right, unless it was changed or disabled meanwhile; held until the session is
-- there, so that whoever ends all sessions of the account ends this one too.
select id, kind, tenant, login, display_name, email, status, country, organization, patient, practitioner, roles,
    language, created, updated
from security.account where tenant = $1 and id = $2 and password = $3 and status = 'active' for share;

-- password_of --
select password from security.account where tenant = $1 and id = $2 and status = 'active';

-- add --
insert into security.account (id, kind, tenant, login, display_name, email, status, country, organization, patient,
    practitioner, roles, language, created, updated, activated, password, password_changed)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::timestamptz, $14::timestamptz, case when $7 = 'active' then $14::timestamptz end, $15,
    case when $15::text is not null then $14::timestamptz end);

-- correct --
update security.account set display_name = $3, email = $4, organization = $5, practitioner = $6, updated = $7
where tenant = $1 and id = $2;

-- set_roles --
update security.account set roles = $3, updated = $4 where tenant = $1 and id = $2;

-- disable --
update security.account set status = 'disabled', updated = $3 where tenant = $1 and id = $2;

-- enable --
-- As it was: who never came in is invited again.
update security.account
set status = case when activated is null then 'invited' else 'active' end, updated = $3
where tenant = $1 and id = $2
returning status;

-- set_password --
-- Whoever sets one through a link has shown that the invitation reached them. A disabled account stays disabled.
update security.account
set password = $3, password_changed = $4, updated = $4, status = 'active', activated = coalesce(activated, $4)
where tenant = $1 and id = $2 and status <> 'disabled'
returning id;

-- renew_password --
-- The same password, hashed anew; not if it was changed meanwhile.
update security.account set password = $4 where tenant = $1 and id = $2 and password = $3;

-- put_link --
insert into security.link as old (account, purpose, hash, made, expires)
values ($1, $2, $3, $4, $5)
on conflict (account, purpose) do update set hash = excluded.hash, made = excluded.made, expires = excluded.expires;

-- link --
select l.purpose, a.login, a.display_name, a.email, a.language, a.id, l.made
from security.link l join security.account a on a.id = l.account
where l.hash = $1 and l.expires > $2 and a.status <> 'disabled';

-- take_link --
-- Two at once: one deletes it, the other finds none.
delete from security.link where hash = $1 and expires > $2 returning account, purpose;

-- link_made --
select made from security.link where account = $1 and purpose = $2;

-- drop_links --
delete from security.link where account = $1;

-- sweep_links --
delete from security.link where expires < $1;
