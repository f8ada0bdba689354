-- roles --
-- Under which names a practitioner appears: the roles they hold.
select r.rid from fhir.reference r where r.target = $1 and r.param = $2;

-- patients --
-- Patients with whom one of these has to do by a resource that is neither called off nor over: its status is none of
-- those in $4 and $5, and of the kinds that go out of date nothing says that it ended before $8.
select distinct p.target as rid
from fhir.reference a
join fhir.reference p on p.rid = a.rid and p.bucket = a.bucket and p.param = any ($3) and p.target_type = $9
where a.target = any ($1) and a.param = any ($2)
  and not exists (
    select from fhir.token t
    where t.rid = a.rid and t.bucket = a.bucket
      and (t.param, t.code) in (select o.param, o.code from unnest($4::integer[], $5::text[]) as o (param, code))
  )
  and not exists (
    select from fhir.date d
    where d.rid = a.rid and d.bucket = a.bucket and d.param = any ($6)
      and d.high <= (case when a.param = any ($7) then $8::bigint else $10::bigint end)
  )
union
select g.rid from fhir.reference g where g.target = any ($1) and g.param = $11;
