-- propose --
-- The first process to say a value wins.
insert into fhir.setting (name, value) values ($1, $2) on conflict (name) do nothing;

-- value --
select s.value from fhir.setting s where s.name = $1;
