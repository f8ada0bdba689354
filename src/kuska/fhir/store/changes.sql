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

-- read_through --
-- A reader is never set back.
insert into fhir.change_reader as r (name, xid, seq) values ($1, $2::text::xid8, $3)
on conflict (name) do update set xid = excluded.xid, seq = excluded.seq
where (excluded.xid, excluded.seq) > (r.xid, r.seq);

-- forget_reader --
delete from fhir.change_reader where name = $1;

-- mark --
insert into fhir.change_mark (at, xid) values ($1, pg_snapshot_xmin(pg_current_snapshot()))
on conflict (at) do nothing;

-- aged --
-- The latest mark before a moment: what is below its xid is older than that.
select at, xid::text from fhir.change_mark where at < $1 order by at desc limit 1;

-- slowest --
-- Where the reader stands that has most still to read.
select xid::text, seq from fhir.change_reader order by xid, seq limit 1;

-- trim --
-- What is older than the mark, and what every reader has behind it.
delete from fhir.change c
where c.xid < $1::text::xid8
  and (c.xid, c.seq) <= ($2::text::xid8, $3);

-- forget_marks --
delete from fhir.change_mark where at < $1;

-- begin_anew --
-- Rows that came from another server: older than anything that this one will write, in the order they had.
update fhir.change set xid = '3'::xid8;

-- readers_anew --
-- Their places were another server's: they read what is kept once more, rather than miss any of it.
update fhir.change_reader set xid = '0'::xid8, seq = 0;

-- marks_anew --
delete from fhir.change_mark;
