-- published --
-- All that can still have signed something, the newest first.
select kid, algorithm, public_jwk, sealed, signs_from, kept_until
from security.signing_key
where kept_until is null or kept_until > $1
order by signs_from desc, kid;

-- lock --
-- Two processes that find the key too old must not both make one.
lock table security.signing_key in share row exclusive mode;

-- add --
insert into security.signing_key (kid, algorithm, public_jwk, sealed, created, signs_from)
values ($1, $2, $3, $4, $5, $6);

-- retire --
-- The others stay published until the last token they signed has expired; what ends earlier already is left as it is.
update security.signing_key set kept_until = $2 where kid <> $1 and (kept_until is null or kept_until > $2);

-- remove --
delete from security.signing_key where kept_until <= $1;

-- revocations --
select what, id, until from security.revocation where expires > $1;

-- revoke --
insert into security.revocation as r (what, id, until, expires) values ($1, $2, $3, $4)
on conflict (what, id) do update set
    until = greatest(r.until, excluded.until), expires = greatest(r.expires, excluded.expires);

-- forget_revocations --
delete from security.revocation where expires <= $1;
