-- propose --
-- The first process to say whose database it is wins.
insert into security.setting (name, value) values ('place', $1) on conflict (name) do nothing;

-- place --
select s.value from security.setting s where s.name = 'place';
