-- read --
-- One resource whose bucket follows from its id.
select r.rid, r.bucket, r.type, r.version, r.updated, r.deleted, r.id, r.body
from fhir.resource r
where r.type = $1 and r.rid = $2 and r.bucket = $3;

-- read_homed --
-- One resource whose bucket has to be looked up: an id not minted here, or one that moved.
select r.rid, r.bucket, r.type, r.version, r.updated, r.deleted, r.id, r.body
from fhir.resource r
where r.type = $1 and r.rid = $2
  and r.bucket = (select h.home from fhir.home h where h.rid = $2 and h.bucket = $3);

-- read_many --
-- Those of these types, numbers and buckets: a resource's number is its own, so hardly ever more than were meant. (What
-- takes the arrays apart and joins is planned anew at every call.)
select r.rid, r.bucket, r.type, r.version, r.updated, r.deleted, r.id, r.body
from fhir.resource r
where r.type = any($1::smallint[]) and r.rid = any($2::bigint[]) and r.bucket = any($3::smallint[]);

-- read_old_version --
select h.rid, h.bucket, h.type, h.version, h.updated, h.deleted, null::text as id, h.body
from fhir.history h
where h.rid = $1 and h.bucket = $2 and h.version = $3;

-- new_rids --
-- Starts of fresh blocks of 256 rids.
select nextval('fhir.rid_block') from generate_series(1, $1::integer);

-- write --
select state, version, updated
from fhir.write(
    $1, $2, $3, $4, $5, $6, $7, $8,
    $9, $10, $11, $12,
    $13, $14, $15, $16, $17,
    $18, $19, $20, $21,
    $22, $23, $24, $25, $26, $27, $28, $29, $30,
    $31, $32, $33, $34,
    $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46
);

-- write_and_note --
-- The same, and the lines of the trail, a block of them, in the same statement: both are committed, or neither.
select state, version, updated
from fhir.write(
    $1, $2, $3, $4, $5, $6, $7, $8,
    $9, $10, $11, $12,
    $13, $14, $15, $16, $17,
    $18, $19, $20, $21,
    $22, $23, $24, $25, $26, $27, $28, $29, $30,
    $31, $32, $33, $34,
    $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46
)
cross join security.append_written($47, $48, $49, $50, $51, $52) as noted;

-- write_and_note_many --
-- The same with several blocks.
select state, version, updated
from fhir.write(
    $1, $2, $3, $4, $5, $6, $7, $8,
    $9, $10, $11, $12,
    $13, $14, $15, $16, $17,
    $18, $19, $20, $21,
    $22, $23, $24, $25, $26, $27, $28, $29, $30,
    $31, $32, $33, $34,
    $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46
)
cross join (
    select sum(security.append_written(b.id, b.at, b.until, b.accounts, b.patients, b.lines))
    from unnest($47::uuid[], $48::timestamptz[], $49::timestamptz[], $50::text[], $51::text[], $52::bytea[])
        as b (id, at, until, accounts, patients, lines)
) as noted;

-- hold --
-- Nobody else writes it until the end of the transaction.
select r.version from fhir.resource r where r.type = $1 and r.rid = $2 and r.bucket = $3 for update;

-- history_of_one --
-- Newest first; the current version is one of them.
select * from (
    select r.rid, r.bucket, r.type, r.version, r.updated, r.deleted, r.id, r.body
    from fhir.resource r
    where r.type = $1 and r.rid = $2 and r.bucket = $3
    union all
    select h.rid, h.bucket, h.type, h.version, h.updated, h.deleted, null, h.body
    from fhir.history h
    where h.rid = $2 and h.bucket = $3
) v
where v.version < $4 and v.updated >= $5 and v.updated < $6
order by v.version desc
limit $7;

-- history_of_types --
-- Newest first over whole types: each type's newest rows come from its own index, then the newest of all.
select v.rid, v.bucket, v.type, v.version, v.updated, v.deleted, coalesce(v.id, (
    select r.id from fhir.resource r where r.type = v.type and r.rid = v.rid and r.bucket = v.bucket
)) as id, v.body
from unnest($1::smallint[]) as t (type)
cross join lateral (
    (
        select r.rid, r.bucket, r.type, r.version, r.updated, r.deleted, r.id, r.body
        from fhir.resource r
        where r.type = t.type and r.updated >= $2 and (r.updated, r.rid) < ($3, $4)
        order by r.updated desc, r.rid desc
        limit $5
    )
    union all
    (
        select h.rid, h.bucket, h.type, h.version, h.updated, h.deleted, null, h.body
        from fhir.history h
        where h.type = t.type and h.updated >= $2 and (h.updated, h.rid) < ($3, $4)
        order by h.updated desc, h.rid desc
        limit $5
    )
) v
order by v.updated desc, v.rid desc
limit $5;
