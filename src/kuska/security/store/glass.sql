-- Broken glass.

-- break_it --
insert into security.glass (id, account, patient, reason, opened, until)
values ($1, $2, $3, $4, $5, $6);

-- alone --
-- To the end of the transaction, one breaking of the glass by an account at a time.
select pg_advisory_xact_lock(hashtextextended('glass ' || $1::text, 0));

-- opened_since --
select count(*) from security.glass where account = $1 and opened > $2;

-- page --
-- The newest first; who looks on gives the last one seen.
select id, account, patient, reason, opened, until, ended, ended_by, reviewed, reviewed_by
from security.glass
where
    (opened, id) < ($1, $2)
    and ($3 = '' or account = $3)
    and ($4 = '' or patient = $4)
order by opened desc, id desc
limit $5;

-- end_it --
update security.glass set ended = $2, ended_by = $3
where id = $1 and ended is null and until > $2
returning account, patient;

-- still_open --
select id, account, patient, reason, opened, until, ended, ended_by, reviewed, reviewed_by
from security.glass
where account = $1 and patient = $2 and ended is null and until > $3
order by until desc
limit 1;

-- review_it --
update security.glass set reviewed = $2, reviewed_by = $3
where id = $1 and reviewed is null
returning patient;

-- account_of_it --
select account from security.glass where id = $1;
