-- begin --
insert into security.external_attempt (state, browser, provider, nonce, verifier, next, account, ends)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- take --
-- One answer for each, and only from the browser that began it; another browser's answer leaves it in place.
delete from security.external_attempt
where state = $1 and browser = $2 and provider = $3 and ends > $4
returning nonce, verifier, next, account;

-- forget_attempts --
delete from security.external_attempt where ends <= $1;

-- identity --
select account, follows
from security.external_identity
where issuer = $1 and subject = $2;

-- add_identity --
insert into security.external_identity (issuer, subject, account, follows, since, used)
values ($1, $2, $3, $4, $5, $5)
on conflict (issuer, subject) do nothing
returning account;

-- used --
update security.external_identity set used = $3 where issuer = $1 and subject = $2;

-- of_account --
select issuer, subject, follows, since, used
from security.external_identity
where account = $1
order by since;

-- remove_identity --
delete from security.external_identity
where account = $1 and issuer = $2 and subject = $3 and not follows
returning account;

-- follow --
-- What the provider says takes the place of what was there; what it does not say stays.
update security.account
set
    roles = $3,
    display_name = case when $4::text = '' then display_name else $4 end,
    email = $5,
    organization = $6,
    practitioner = $7,
    updated = $8
where tenant = $1 and id = $2;

-- obey_once --
insert into security.external_logout (issuer, message, ends) values ($1, $2, $3)
on conflict (issuer, message) do nothing
returning message;

-- forget_logouts --
delete from security.external_logout where ends <= $1;

-- lock --
-- One sign-in of a person at a time: two first ones at once make one account.
select pg_advisory_xact_lock(hashtextextended($1::text || chr(31) || $2::text, 7411));
