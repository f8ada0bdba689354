-- Mails that wait to be sent.

-- add --
insert into security.mail (id, kind, about, due, asked) values ($1, $2, $3::jsonb, $4, $4);

-- take --
-- The next one that is due, for as long as $2: whoever is killed while sending leaves it to the others.
update security.mail m set due = $2, attempts = m.attempts + 1
from (
    select id from security.mail where given_up is null and due <= $1 order by due limit 1 for update skip locked
) as next
where m.id = next.id
returning m.id, m.kind, m.about::text as about, m.attempts, m.asked;

-- sent --
delete from security.mail where id = $1;

-- later --
update security.mail set due = $2, problem = $3 where id = $1;

-- give_up --
-- What it was about goes too: it may name people, and nobody will send it any more.
update security.mail set given_up = $2, problem = $3, about = '{}' where id = $1;

-- waiting --
select count(*) filter (where given_up is null) as waiting, count(*) filter (where given_up is not null) as given_up
from security.mail;

-- sweep --
delete from security.mail where given_up < $1;
