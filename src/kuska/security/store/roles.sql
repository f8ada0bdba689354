-- Edited roles; versions are only added.

-- current --
select distinct on (name) name, version, content::text as content
from security.role
order by name, version desc;

-- combinations --
-- Which roles accounts hold together with one of them; also accounts that are disabled, for they can be enabled.
select distinct roles from security.account where tenant = $1 and $2 = any(roles);

-- versions --
select version, content::text as content, by, at
from security.role
where name = $1
order by version desc;

-- add --
-- Nothing when somebody else was faster: the version that the editor saw is not the last any more.
insert into security.role (name, version, content, by, at)
select $1, $2::integer + 1, $3::jsonb, $4, $5
where $2 = (select coalesce(max(version), 0) from security.role where name = $1)
on conflict do nothing
returning version;
