-- add --
insert into fhir.display (system, code, text, bucket)
select u.system, u.code, u.text, u.bucket
from unnest($1::integer[], $2::text[], $3::text[], $4::smallint[]) as u (system, code, text, bucket)
on conflict do nothing;

-- known --
select d.system, d.code, d.text from fhir.display d limit $1;
