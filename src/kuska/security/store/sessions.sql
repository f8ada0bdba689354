-- Sessions with the account they belong to. The columns of the account come first, in the order of store/accounts.py.

-- find --
-- Of an active account only: disabling one ends its sessions at once, whatever else is done.
select a.id as account_id, a.kind, a.tenant, a.login, a.display_name, a.email, a.status, a.country, a.organization, a.patient,
    a.practitioner, a.roles, a.language, a.created as account_created, a.updated,
    s.id, s.pending, s.methods, s.shown, s.created, s.authenticated, s.seen, s.ends, s.address, s.agent
from security.session s join security.account a on a.id = s.account
where s.hash = $1 and s.ends > $2 and a.status = 'active';

-- of_account --
select a.id as account_id, a.kind, a.tenant, a.login, a.display_name, a.email, a.status, a.country, a.organization, a.patient,
    a.practitioner, a.roles, a.language, a.created as account_created, a.updated,
    s.id, s.pending, s.methods, s.shown, s.created, s.authenticated, s.seen, s.ends, s.address, s.agent
from security.session s join security.account a on a.id = s.account
where s.account = $1 and s.ends > $2 and s.seen > $3 and not s.pending and a.status = 'active'
order by s.seen desc;

-- add --
insert into security.session (hash, id, account, pending, methods, shown, created, authenticated, seen, ends, address, agent)
values ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8, $9, $10);

-- rotate --
-- A new cookie value for the same session. One that was taken before its owner proved more is worth nothing afterwards.
update security.session
set hash = $2, pending = false, methods = $3, shown = $4, authenticated = $5, seen = $5, ends = $6, address = $7
where hash = $1 and pending = $8
returning id;

-- saw --
-- Not further back than what another process has written.
update security.session set seen = greatest(seen, $2), address = $3 where hash = $1;

-- drop --
delete from security.session where hash = $1 returning id, account;

-- drop_one --
delete from security.session where id = $1 and account = $2 returning id;

-- drop_all --
-- All of an account, but for the one with this hash (none when it is empty).
delete from security.session where account = $1 and hash <> $2;

-- sweep --
delete from security.session where ends < $1 or seen < $2;
