-- stored --
-- Bodies as they lie there, of what is about to be put.
select r.rid, r.body
from unnest($1::smallint[], $2::bigint[], $3::smallint[]) as u (type, rid, bucket)
join fhir.resource r on r.type = u.type and r.rid = u.rid and r.bucket = u.bucket
where not r.deleted;

-- old_resources --
-- Those that do not begin as they would now, behind a place, in order. The inner limit bounds what one question reads.
select v.type, v.rid, v.bucket, v.body, v.old
from (
    select r.type, r.rid, r.bucket, r.body,
        r.body <> '' and substring(r.body for octet_length($4::bytea)) <> $4 as old
    from fhir.resource r
    where (r.type, r.rid, r.bucket) > ($1::smallint, $2::bigint, $3::smallint)
    order by r.type, r.rid, r.bucket
    limit $5
) v;

-- old_versions --
select v.type, v.rid, v.version, v.bucket, v.body, v.old
from (
    select h.type, h.rid, h.version, h.bucket, h.body,
        h.body <> '' and substring(h.body for octet_length($4::bytea)) <> $4 as old
    from fhir.history h
    where (h.rid, h.version, h.bucket) > ($1::bigint, $2::integer, $3::smallint)
    order by h.rid, h.version, h.bucket
    limit $5
) v;

-- reseal_resource --
-- Only where nobody has written meanwhile: what was written then is sealed with the new key already.
update fhir.resource set body = $5 where type = $1 and rid = $2 and bucket = $3 and body = $4;

-- reseal_version --
update fhir.history set body = $5 where rid = $1 and version = $2 and bucket = $3 and body = $4;

-- is_empty --
select not exists (select 1 from fhir.resource limit 1);
