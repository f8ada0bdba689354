-- ahead --
-- Months that events will fall into. Attaching waits for nobody who reads the others.
select count(*) filter (where security.event_month(
    (($1::timestamptz at time zone 'UTC')::date + make_interval(months => n))::date
))
from generate_series(0, 2) as months (n);

-- over --
-- Months that lie wholly before a day.
select c.relname::text
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'security.event'::regclass
  and c.relname ~ '^event_[0-9]{6}$'
  and to_date(substr(c.relname, 7), 'YYYYMM') < $1::date
order by c.relname;

-- unlinked --
-- Is there an event of these times that has no link yet?
select exists (
    select from security.event e where (e.xact, e.seq) > ($1, $2) and e.at < $3::timestamptz
    union all
    select from security.event_block b where (b.xact, b.seq) > ($1, $2) and b.at < $3::timestamptz
);

-- others --
-- Events of months that had no table of their own.
delete from security.event_other where at < $1::timestamptz;

-- other_blocks --
delete from security.event_block_other where at < $1::timestamptz;
