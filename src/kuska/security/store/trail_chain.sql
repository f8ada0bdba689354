-- turn --
-- One chainer at a time in all processes; to the end of the transaction.
select pg_try_advisory_xact_lock(7308332183925057);

-- settle --
-- After a restore from a logical dump the server counts transactions anew, below those of the events: the offset brings
-- them above. Nothing happens otherwise.
update security.trail t
set xact_offset = known.highest + 1 - pg_snapshot_xmin(pg_current_snapshot())::text::bigint
from (
    select greatest(
        (select e.xact from security.event e order by e.xact desc, e.seq desc limit 1),
        (select b.xact from security.event_block b order by b.xact desc, b.seq desc limit 1),
        (select l.last_xact from security.event_link l order by l.number desc limit 1)
    ) as highest
) known
where known.highest >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint + t.xact_offset
returning t.xact_offset;

-- horizon --
-- The oldest transaction still running. Asked on its own, before the rows: what is older is complete.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + t.xact_offset from security.trail t;

-- last --
select number, day, after_xact, after_seq, last_xact, last_seq, count, content, leaves, made, hash
from security.event_link
order by number desc
limit 1;

-- events --
-- In the order of the chain, between two places, each as one text that says all its fields: PostgreSQL's own form of a
-- row, which quotes what has to be quoted. The list and its order must not change: old hashes are made of it.
select e.xact, e.seq, e.id::text, (e.at at time zone 'UTC')::date, row(
    e.id, (extract(epoch from e.at) * 1000000)::bigint, e.outcome, e.action, e.kind, e.interaction, e.reason, e.caller,
    e.account, e.client, e.session, e.roles, e.methods, e.as_patient, e.as_practitioner, e.organization, e.tenant,
    e.country, e.purpose, e.address, e.request, e.entities, e.patients, e.query, e.detail
)::text
from security.event e
where (e.xact, e.seq) > ($1, $2) and (e.xact, e.seq) <= ($3, $4)
order by e.xact, e.seq
limit $5;

-- blocks --
-- The same way.
select b.xact, b.seq, (b.at at time zone 'UTC')::date, (extract(epoch from b.at) * 1000000)::bigint,
       (extract(epoch from b.until) * 1000000)::bigint, b.accounts, b.patients, b.lines
from security.event_block b
where (b.xact, b.seq) > ($1, $2) and (b.xact, b.seq) <= ($3, $4)
order by b.xact, b.seq
limit $5;

-- waiting --
-- The oldest event without a link: of what is complete, and of all.
select least(
    (select e.at from security.event e where (e.xact, e.seq) > ($1, $2) order by e.xact, e.seq limit 1),
    (select b.at from security.event_block b where (b.xact, b.seq) > ($1, $2) order by b.xact, b.seq limit 1)
);

-- insert --
insert into security.event_link (
    number, day, after_xact, after_seq, last_xact, last_seq, count, content, leaves, made, hash
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- links --
select number, day, after_xact, after_seq, last_xact, last_seq, count, content, leaves, made, hash
from security.event_link
where number between $1 and $2
order by number;

-- numbers --
-- Of the links of some days; whole batches.
select min(number), max(number)
from security.event_link
where (last_xact, last_seq) in (
    select last_xact, last_seq from security.event_link where day >= $1 and day <= $2
);

-- before --
select hash, last_xact, last_seq from security.event_link where number = $1;

-- closings --
-- What each retention said about what it removed.
select detail::text from security.event where kind = 'retention';

-- outside --
-- The first row that no link can ever have: up to where the chain begins ($1, $2), or beyond its end and of a transaction
-- that has not been yet. A database that was restored and has not run since counts from below: there nobody can tell.
with ahead as (
    select greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint + t.xact_offset, 1) as place
    from security.trail t
    where pg_snapshot_xmax(pg_current_snapshot())::text::bigint + t.xact_offset > $3
)

select one.day, one.id
from (
    (select (e.at at time zone 'UTC')::date as day, e.id::text as id
     from security.event e where (e.xact, e.seq) <= ($1, $2) order by e.xact, e.seq limit 1)
    union all
    (select (b.at at time zone 'UTC')::date, b.id::text
     from security.event_block b where (b.xact, b.seq) <= ($1, $2) order by b.xact, b.seq limit 1)
    union all
    (select (e.at at time zone 'UTC')::date, e.id::text
     from security.event e where e.xact >= (select a.place from ahead a) order by e.xact, e.seq limit 1)
    union all
    (select (b.at at time zone 'UTC')::date, b.id::text
     from security.event_block b where b.xact >= (select a.place from ahead a) order by b.xact, b.seq limit 1)
) one
limit 1;

-- first --
select number, day, after_xact, after_seq from security.event_link order by number limit 1;

-- headless --
-- The first link beyond a number: day, number, when it was made.
select day, number, made from security.event_link where number > $1 order by number limit 1;

-- lead --
-- Links before the first whose day is kept.
select coalesce(
    (select min(number) from security.event_link where day >= $1) - 1,
    (select max(number) from security.event_link),
    0
);

-- removed --
-- Links of a time that is over, their events counted.
with gone as (delete from security.event_link where number <= $1 returning count)
select coalesce(sum(count), 0)::bigint from gone;
