-- Failed attempts by key (domain/attempts.py).

-- charge --
-- One failure more on each key that is not waiting, before the attempt is made; a success takes it back. Which key
-- counts is decided here, in one step: the pair's alone when the login was signed in from that address, else the login's
-- and the address's. What others behind one hospital's address type wrong is nothing to who has been in from there.
-- Times are the caller's ($5). Arrays: keys (login, address, pair), free failures of each.
with asked as (
    select * from unnest($1::bytea [], $2::integer []) as one (key, free)
),

known as (
    select exists (select from security.throttle where key = $6 and trusted) as pair
),

counted as (
    select a.key from asked a, known k where (a.key = $6) = k.pair
)

insert into security.throttle as t (key, failures, last, until)
-- In the order of the keys, so that two attempts never wait for each other crosswise.
select c.key, 1, $5, $5 from counted c order by c.key
on conflict (key) do update set
    failures = case when t.last < $5 - make_interval(secs => $4) then 1 else t.failures + 1 end,
    last = $5,
    until = case
        when t.last < $5 - make_interval(secs => $4) then $5
        when t.failures + 1 <= (select a.free from asked a where a.key = t.key) then $5
        else $5 + make_interval(
            secs => least($3, power(2, least(t.failures - (select a.free from asked a where a.key = t.key), 30)))
        )
    end
where t.until <= $5
returning t.key;

-- waits --
select key, extract(epoch from until - $2::timestamptz)::double precision as seconds
from security.throttle where key = any($1::bytea []) and until > $2::timestamptz;

-- succeeded --
-- The pair's count begins anew, and the login's unless the pair stood for it: an owner who signs in from the usual place
-- gives a stranger elsewhere no new tries. The address gets back only this attempt, if it was counted there at all, or who
-- has one account of his own could try others from there for ever.
with cleared as (
    update security.throttle set failures = 0, until = $4
    where key = $1 and not exists (select from security.throttle where key = $3 and trusted)
),

own as (
    update security.throttle set failures = greatest(failures - 1, 0), until = least(until, $4) 
    where key = $2 and not exists (select from security.throttle where key = $3 and trusted)
)

insert into security.throttle as t (key, failures, last, until, trusted) values ($3, 0, $4, $4, true)
on conflict (key) do update set failures = 0, last = $4, until = $4, trusted = true;

-- forget_login --
-- After a new password: what strangers tried with the old one does not count.
delete from security.throttle where key = $1;

-- sweep --
delete from security.throttle
where last < (case when trusted then $2::timestamptz else $1::timestamptz end) and until < $1::timestamptz;
