-- held --
-- What a person has, for the list and for deciding what is still to be shown.
select
    t.since as totp,
    t.used as totp_used,
    coalesce((select cardinality(r.hashes) from security.recovery as r where r.account = $1), 0) as recovery_left
from (select $1::text as account) as who
left join security.totp as t on t.account = who.account and t.secret is not null;

-- passkeys --
select id, credential, name, public_key, uses, backed_up, transports, since, used
from security.passkey
where account = $1
order by since, id;

-- has --
select
    exists (select from security.totp as t where t.account = $1 and t.secret is not null)
    or exists (select from security.passkey as p where p.account = $1);

-- totp --
select secret, step, coming, coming_until
from security.totp
where account = $1;

-- begin_totp --
insert into security.totp (account, coming, coming_until) values ($1, $2, $3)
on conflict (account) do update set coming = excluded.coming, coming_until = excluded.coming_until;

-- confirm_totp --
-- Only the very secret that was just proved; two confirmations at once are one.
update security.totp
set secret = coming, step = $3, since = $4, used = $4, coming = null, coming_until = null
where account = $1 and coming = $2
returning account;

-- use_totp --
-- Of several requests with the same code, one finds the step still unused.
update security.totp
set step = $3, used = $4
where account = $1 and secret = $2 and step < $3
returning account;

-- totp_page --
-- All of them, in pages, to be sealed anew.
select account, secret, coming
from security.totp
where account > $1
order by account
limit 500;

-- reseal_totp --
-- Unless its owner has changed it meanwhile: then it is new anyway.
update security.totp
set secret = $4, coming = $5
where account = $1 and secret is not distinct from $2 and coming is not distinct from $3;

-- remove_totp --
delete from security.totp
where account = $1 and secret is not null
returning account;

-- add_passkey --
insert into security.passkey
(credential, id, account, name, public_key, uses, backed_up, transports, since)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (credential) do nothing
returning id;

-- passkey_by_credential --
select p.id, p.account, p.public_key, p.uses
from security.passkey as p
where p.credential = $1;

-- use_passkey --
update security.passkey
set uses = $3, backed_up = $4, used = $5
where credential = $1 and uses = $2
returning id;

-- rename_passkey --
update security.passkey
set name = $3
where account = $1 and id = $2
returning id;

-- remove_passkey --
delete from security.passkey
where account = $1 and id = $2
returning id;

-- answer_once --
insert into security.passkey_answer (hash, ends) values ($1, $2)
on conflict (hash) do nothing
returning hash;

-- forget_answers --
delete from security.passkey_answer where ends < $1;

-- recovery --
select salt, hashes
from security.recovery
where account = $1;

-- set_recovery --
insert into security.recovery (account, salt, hashes, since) values ($1, $2, $3, $4)
on conflict (account) do update
set salt = excluded.salt, hashes = excluded.hashes, since = excluded.since;

-- use_recovery --
-- Of several requests with the same code, one finds it still there.
update security.recovery
set hashes = array_remove(hashes, $2)
where account = $1 and $2 = any(hashes)
returning cardinality(hashes);

-- charge --
-- No row: the wait of the last failure is not over. A day without a failure forgets them.
insert into security.factor_attempt as a (account, failures, last, until) values ($1, 1, $2, $2)
on conflict (account) do update
set
    failures = case when a.last < $2 - interval '1 day' then 1 else a.failures + 1 end,
    last = $2,
    until = case
        when a.last < $2 - interval '1 day' or a.failures + 1 < $3 then $2
        else $2 + make_interval(secs => least($4::float8, power(2, least(a.failures + 1 - $3, 30))))
    end
where a.until <= $2
returning failures;

-- waits_until --
select until from security.factor_attempt where account = $1;

-- forgive --
delete from security.factor_attempt where account = $1;

-- follows --
-- Whose account is another provider's to open and shut.
select exists (select from security.external_identity as e where e.account = $1 and e.follows);

-- remove_recovery --
delete from security.recovery where account = $1;

-- remove_passkeys --
delete from security.passkey where account = $1;

-- lock --
-- One change of a person's factors at a time: two removals at once must not both leave the other one.
select id from security.account where id = $1 for update;
