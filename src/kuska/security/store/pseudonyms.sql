-- known --
select p.person, p.sealed from security.pseudonym p where p.purpose = $1 and p.person = any($2::bytea[]);

-- add --
-- In order of the hash, so that two batches with the same people wait for each other instead of in a circle.
insert into security.pseudonym (purpose, person, token, sealed)
select $1, u.person, u.token, u.sealed
from unnest($2::bytea[], $3::bytea[], $4::bytea[]) as u (person, token, sealed)
order by u.person
on conflict (purpose, person) do nothing;

-- whose --
select p.person, p.token, p.sealed from security.pseudonym p where p.purpose = $1 and p.token = any($2::bytea[]);

-- purposes --
-- One step per purpose through the key, not one per row.
with recursive step as (
    (select p.purpose from security.pseudonym p order by p.purpose limit 1)
    union all
    select (select p.purpose from security.pseudonym p where p.purpose > s.purpose order by p.purpose limit 1)
    from step s where s.purpose is not null
)
select s.purpose from step s where s.purpose is not null;

-- forget --
delete from security.pseudonym where purpose = $1 and person = $2;

-- old --
select p.purpose, p.person, p.sealed
from security.pseudonym p
where substring(p.sealed for octet_length($1::bytea)) <> $1
limit $2
for update skip locked;

-- reseal --
update security.pseudonym set sealed = $3 where purpose = $1 and person = $2;
