-- claim_homes --
-- Where resources live that have to be looked up, and from now on do: the row is made or locked in one step, so that
-- two writers of one id come one behind the other. fresh = there was none.
insert into fhir.home as h (rid, bucket, home)
select u.rid, u.bucket, u.home from unnest($1::bigint[], $2::smallint[], $3::smallint[]) as u (rid, bucket, home)
on conflict (rid, bucket) do update set home = h.home
returning h.rid, h.home, (xmax = 0) as fresh;

-- hold_home --
select h.home from fhir.home h where h.rid = $1 and h.bucket = $2 for update;

-- change_home --
update fhir.home set home = $3 where rid = $1 and bucket = $2;

-- hold_resource --
select r.version from fhir.resource r where r.type = $1 and r.rid = $2 and r.bucket = $3 for update;

-- move_resource --
insert into fhir.resource (rid, updated, version, type, bucket, deleted, id, digest, body)
select rid, updated, version, type, $3, deleted, $5, digest, body
from fhir.resource where type = $4 and rid = $1 and bucket = $2;

-- leave_resource --
delete from fhir.resource where type = $3 and rid = $1 and bucket = $2;

-- move_history --
insert into fhir.history (rid, bucket, updated, version, type, deleted, body)
select rid, $3, updated, version, type, deleted, body from fhir.history where rid = $1 and bucket = $2;

-- leave_history --
delete from fhir.history where rid = $1 and bucket = $2;

-- move_token --
insert into fhir.token (rid, bucket, param, system, code)
select rid, $3, param, system, code from fhir.token where rid = $1 and bucket = $2;

-- leave_token --
delete from fhir.token where rid = $1 and bucket = $2;

-- move_string --
insert into fhir.string (rid, bucket, param, text, exact, sort)
select rid, $3, param, text, exact, sort from fhir.string where rid = $1 and bucket = $2;

-- leave_string --
delete from fhir.string where rid = $1 and bucket = $2;

-- move_date --
insert into fhir.date (rid, bucket, low, high, param)
select rid, $3, low, high, param from fhir.date where rid = $1 and bucket = $2;

-- leave_date --
delete from fhir.date where rid = $1 and bucket = $2;

-- move_quantity --
insert into fhir.quantity (rid, bucket, low, high, clow, chigh, param, unit, code, dim)
select rid, $3, low, high, clow, chigh, param, unit, code, dim from fhir.quantity where rid = $1 and bucket = $2;

-- leave_quantity --
delete from fhir.quantity where rid = $1 and bucket = $2;

-- move_reference --
insert into fhir.reference (rid, bucket, target, param, target_type)
select rid, $3, target, param, target_type from fhir.reference where rid = $1 and bucket = $2;

-- leave_reference --
delete from fhir.reference where rid = $1 and bucket = $2;

-- move_composite --
insert into fhir.composite (rid, bucket, param, system, code, code2, system2, low, high, unit, dim, clow, chigh)
select rid, $3, param, system, code, code2, system2, low, high, unit, dim, clow, chigh from fhir.composite where rid = $1 and bucket = $2;

-- leave_composite --
delete from fhir.composite where rid = $1 and bucket = $2;
