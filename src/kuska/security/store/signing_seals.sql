-- every --
select s.kid, s.sealed from security.signing_key s where s.sealed <> '' order by s.kid;

-- reseal --
-- Only what nobody has replaced meanwhile.
update security.signing_key set sealed = $3 where kid = $1 and sealed = $2;
