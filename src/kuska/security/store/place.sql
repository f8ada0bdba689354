-- propose --
-- The first process to say whose database it is wins.
insert into security.setting (name, value) values ('place', $1) on conflict (name) do nothing;

-- place --
select s.value from security.setting s where s.name = 'place';

-- remember_origin --
-- Where the server is reached, for the commands beside it.
insert into security.setting as old (name, value) values ('origin', $1)
on conflict (name) do update set value = excluded.value where old.value <> excluded.value;

-- origin --
select s.value from security.setting s where s.name = 'origin';
