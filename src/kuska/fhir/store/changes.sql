-- horizon --
-- The oldest transaction still running. Asked on its own, before the rows: on Citus the workers would answer otherwise.
select pg_snapshot_xmin(pg_current_snapshot())::text;

-- read --
-- Only what is older than every transaction still running: a later commit can then never appear before what was read.
select c.xid, c.seq, c.bucket, c.rids, c.types, c.versions, c.kinds
from fhir.change c
where (c.xid, c.seq) > ($1::text::xid8, $2)
  and c.xid < $3::text::xid8
order by c.xid, c.seq
limit $4;

-- trim --
-- What every reader has behind it.
delete from fhir.change c where (c.xid, c.seq) <= ($1::text::xid8, $2);
