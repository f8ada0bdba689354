-- alone --
-- One process makes keys at a time; the others find them made.
select pg_advisory_xact_lock(7203958212041);

-- keys --
select k.purpose, k.number, k.provider, k.master, k.wrapped, k.since, k.state, k.retired
from security.data_key k
where k.tenant = $1
order by k.purpose, k.number;

-- add --
insert into security.data_key (tenant, purpose, number, provider, master, wrapped, since)
values ($1, $2, $3, $4, $5, $6, $7);

-- wrap_anew --
update security.data_key set provider = $4, master = $5, wrapped = $6
where tenant = $1 and purpose = $2 and number = $3 and state <> 'destroyed';

-- retire --
update security.data_key set state = 'retired', retired = $4
where tenant = $1 and purpose = $2 and number < $3 and state = 'active';

-- destroy --
update security.data_key set state = 'destroyed', wrapped = ''
where tenant = $1 and state = 'retired' and retired < $2
returning purpose, number;

-- sealed_since --
select s.purpose, s.number from security.sealed_since s where s.tenant = $1;

-- settle --
insert into security.sealed_since (tenant, purpose, number) values ($1, $2, $3)
on conflict (tenant, purpose) do update set number = excluded.number;
