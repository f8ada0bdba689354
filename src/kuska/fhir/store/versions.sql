-- current_between --
-- Versions of whole types that were current at some point of [$2, $3): they appeared before its end and were not yet
-- replaced at its start. Newest first. The next version of a past one is in history or is the current one.
select v.rid, v.bucket, v.type, v.version, v.updated, v.deleted, coalesce(v.id, (
    select r.id from fhir.resource r where r.type = v.type and r.rid = v.rid and r.bucket = v.bucket
)) as id, v.body
from unnest($1::smallint[]) as t (type)
cross join lateral (
    (
        select r.rid, r.bucket, r.type, r.version, r.updated, r.deleted, r.id, r.body
        from fhir.resource r
        where r.type = t.type and (r.updated, r.rid) < ($3, $4)
        order by r.updated desc, r.rid desc
        limit $5
    )
    union all
    (
        select h.rid, h.bucket, h.type, h.version, h.updated, h.deleted, null, h.body
        from fhir.history h
        where h.type = t.type and (h.updated, h.rid) < ($3, $4)
            and coalesce(
                (
                    select n.updated from fhir.history n
                    where n.rid = h.rid and n.bucket = h.bucket and n.version = h.version + 1
                ),
                (select n.updated from fhir.resource n where n.type = h.type and n.rid = h.rid and n.bucket = h.bucket)
            ) > $2
        order by h.updated desc, h.rid desc
        limit $5
    )
) v
order by v.updated desc, v.rid desc
limit $5;

-- deletions --
-- Which of these versions, that are no longer current, are deletions.
select h.rid, h.version
from unnest($1::bigint[], $2::integer[]) as w (rid, version)
join fhir.history h on h.rid = w.rid and h.version = w.version
where h.deleted;
